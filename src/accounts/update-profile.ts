import type { Deps } from '../deps.ts'
import { type User, Users } from './entity.ts'

export type Profile = Partial<
  Pick<User, 'full_name' | 'phone' | 'address' | 'preferred_language' | 'picture_url'>
>

/** Changes the given fields alone; null clears one. Returns the user as it is then. */
export const updateProfile = async (
  deps: Pick<Deps, 'database'>,
  { user, profile }: { user: User; profile: Profile },
): Promise<User> => {
  if (Object.keys(profile).length === 0) return user
  const users = deps.database.getRepository(Users)
  await users.update({ id: user.id }, { ...profile, updated_at: () => 'now()' })
  return users.findOneByOrFail({ id: user.id })
}
