import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { type User, Users } from './entity.ts'
import { openOnly } from './rules.ts'

export type Profile = Partial<
  Pick<User, 'full_name' | 'phone' | 'address' | 'preferred_language' | 'picture_url'>
>

/** Changes the given fields alone; null clears one. Returns the user as it is then. */
export const updateProfile = async (
  deps: Pick<Deps, 'database'>,
  { user, profile }: { user: User; profile: Profile },
): Promise<User | Problem<'SESSION_REVOKED'>> => {
  if (Object.keys(profile).length === 0) return user
  const { raw } = await deps.database
    .createQueryBuilder()
    .update(Users)
    .set({ ...profile, updated_at: () => 'now()' })
    .where(`id = :id AND ${openOnly}`, { id: user.id })
    .returning('*')
    .execute()
  // An account may be erased between the check of its session and this.
  return (raw[0] as User | undefined) ?? new Problem('SESSION_REVOKED')
}
