import { type User, Users } from '../accounts/entity.ts'
import { findUserByEmail } from '../accounts/store.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import type { SessionReply } from '../sessions/rules.ts'
import { type Origin, startSession } from '../sessions/start-session.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'redis' | 'keys' | 'ring' | 'secrets' | 'hasher'>
type Attempt = { email: string; password: string; origin: Origin }

/**
 * Signs in by e-mail and password. An account that is not there, one without a password and a wrong password
 * take the same path: one bcrypt, one answer. What else stands in the way is said only to the right password.
 */
export const login = async (
  deps: Needs,
  attempt: Attempt,
): Promise<SessionReply | Problem<'INVALID_CREDENTIALS' | 'ACCOUNT_DEACTIVATED'>> =>
  // A row that changed meanwhile is looked at once more: another login may have renewed the hash of this
  // very password.
  (await tryLogin(deps, attempt)) ?? (await tryLogin(deps, attempt)) ?? new Problem('INVALID_CREDENTIALS')

/** Null where the row changed between the comparison and the recording. */
const tryLogin = async (deps: Needs, { email, password, origin }: Attempt) => {
  const found = await findUserByEmail(deps.database, email)
  const { matches, needsRehash } = await deps.hasher.compare(password, found?.password_hash ?? null)
  if (!found || !matches) return new Problem('INVALID_CREDENTIALS')
  if (!found.is_active) return new Problem('ACCOUNT_DEACTIVATED')

  const newHash = needsRehash ? await deps.hasher.hash(password) : found.password_hash
  const user = await recordLogin(deps.database, found, newHash)
  return user && startSession(deps, { user, origin })
}

// The hash that was compared must still be the stored one: a password that was reset meanwhile opens nothing.
// The epoch that comes back is the one that the session belongs to.
const recordLogin = async (database: Deps['database'], found: User, newHash: string | null) => {
  const { raw } = await database
    .createQueryBuilder()
    .update(Users)
    .set({ password_hash: newHash, last_login_at: () => 'now()' })
    .where('id = :id AND password_hash = :hash AND is_active', { id: found.id, hash: found.password_hash })
    .returning('*')
    .execute()
  return (raw[0] as User | undefined) ?? null
}
