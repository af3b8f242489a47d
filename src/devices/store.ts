import type { Keys } from '../storage/keys.ts'
import type { RedisConnection } from '../storage/redis.ts'
import { script } from '../storage/script.ts'

type Store = { redis: RedisConnection; keys: Keys }

const markScript = script(import.meta.dirname, 'mark.lua')
const forgetScript = script(import.meta.dirname, 'forget.lua')

/** Whether somebody signed in from this device before. `of` is a user's id, or what stands for one that is not there. */
export const isKnownDevice = async ({ redis, keys }: Store, of: string, device: string): Promise<boolean> =>
  (await redis.zscore(keys.seen(of), device)) !== null

/** Whether any device of a user is known. */
export const hasDevices = async ({ redis, keys }: Store, userId: string): Promise<boolean> =>
  (await redis.exists(keys.seen(userId))) === 1

/** Remembers a device that somebody signed in from. */
export const markDevice = async ({ redis, keys }: Store, userId: string, device: string): Promise<void> => {
  await markScript(redis, [keys.seen(userId)], [device])
}

/** Forgets every device, for those of a thief must not stay known. Only `kept`, if there is one, is known afterwards. */
export const forgetDevices = async (
  { redis, keys }: Store,
  userId: string,
  kept: string | null,
): Promise<void> => {
  await forgetScript(redis, [keys.seen(userId)], [kept ?? ''])
}

/** Leaves no trace of the devices of a user. */
export const dropDevices = async ({ redis, keys }: Store, userId: string): Promise<void> => {
  await redis.del(keys.seen(userId))
}
