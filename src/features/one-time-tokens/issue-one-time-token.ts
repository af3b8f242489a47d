import type { Deps } from '../../deps.ts'
import type { EmailToken } from '../../platform/catalog/email-definition.ts'
import { codeHash, emailSecrets, tokenHash, writeOneTimeToken } from '../../platform/crypto/one-time-token.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { storeToken } from './store.ts'

export type IssuedToken = { token: string; code: string }

/**
 * Makes the token and the code of a mail live. Its life counts from the row, not from this attempt, and by the clock
 * that wrote the row, not by that of this machine. Returns null where the mail would be dead on arrival: it is too old,
 * was used already, or a newer one has replaced it.
 */
export const issueOneTimeToken = async (
  deps: Pick<Deps, 'clock' | 'database' | 'redis' | 'keys' | 'secrets'>,
  email: Email,
  { purpose, lifetime }: EmailToken,
  to: { userId: string; address: string },
): Promise<IssuedToken | null> => {
  const life = lifetime - (await ageOf(deps, email.id))
  if (life <= 0 || email.proof_spent_at) return null
  const { secret, code } = emailSecrets(deps.secrets.mail, purpose, email.id)
  const stands = await storeToken(
    deps,
    { userId: to.userId, purpose },
    {
      emailId: email.id,
      token: tokenHash(secret),
      code: codeHash(deps.secrets.mail, to.userId, purpose, code),
      address: to.address,
      life,
    },
  )
  return stands ? { token: writeOneTimeToken(to.userId, secret), code } : null
}

/** In milliseconds; of a row that is gone, for ever. */
const ageOf = async ({ database, clock }: Pick<Deps, 'database' | 'clock'>, id: string): Promise<number> => {
  const [row] = (await database.query(
    'SELECT extract(epoch FROM now() - created_at) * 1000 AS age FROM emails WHERE id = $1',
    [id],
  )) as { age: string }[]
  return row ? Number(row.age) + clock.shift : Number.POSITIVE_INFINITY
}
