import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { changesOf } from '../audit/changes.ts'
import { recordEvent } from '../audit/record-event.ts'
import { type User, Users } from '../users/entity.ts'
import { isActive } from '../users/user-state.ts'

const fields = ['full_name', 'phone', 'address', 'preferred_language', 'picture_url'] as const

export type Profile = Partial<Pick<User, (typeof fields)[number]>>

type Update = { user: User; sessionId: string; profile: Profile; origin: Origin }

/** Changes only the given fields of a profile. Null clears a field. Returns the user after the change. */
export const updateProfile = async (
  { database }: Pick<Deps, 'database'>,
  { user, sessionId, profile, origin }: Update,
): Promise<User | Problem<'SESSION_REVOKED'>> => {
  if (Object.keys(profile).length === 0) return user
  const { id } = user
  return database.transaction(async manager => {
    const before = await manager.findOne(Users, { where: { id }, lock: { mode: 'pessimistic_write' } })
    // The account may have been erased or deactivated since its session was checked.
    if (!before || !isActive(before)) return new Problem('SESSION_REVOKED')
    await manager.update(Users, { id }, { ...profile, updated_at: () => 'now()' })
    const after = await manager.findOneByOrFail(Users, { id })
    const data = changesOf(before, after, fields)
    if (Object.keys(data.after).length > 0)
      await recordEvent(manager, { type: 'user.profile_changed', userId: id, sessionId, origin, data })
    return after
  })
}
