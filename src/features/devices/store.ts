import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'

type Store = { redis: RedisConnection; keys: Keys }

const markScript = script(import.meta.dirname, 'mark.lua')
const forgetScript = script(import.meta.dirname, 'forget.lua')

/**
 * Whether a device is known: somebody signed in from it before (`signedIn`), or it proved something without a sign-in.
 * `of` is a user's id, or what stands for one that is not there.
 */
export const findDevice = async (
  { redis, keys }: Store,
  of: string,
  device: string,
): Promise<{ isKnown: boolean; signedIn: boolean }> => {
  const [seen, proved] = await Promise.all(
    [keys.seen(of), keys.proved(of)].map(key => redis.zscore(key, device)),
  )
  return { isKnown: (seen ?? proved ?? null) !== null, signedIn: (seen ?? null) !== null }
}

/** Whether any device of a user is known by a sign-in. */
export const hasDevices = async ({ redis, keys }: Store, userId: string): Promise<boolean> =>
  (await redis.exists(keys.seen(userId))) === 1

/** Remembers a device that somebody signed in from. */
export const markDevice = async ({ redis, keys }: Store, userId: string, device: string): Promise<void> => {
  await markScript(redis, [keys.seen(userId)], [device])
}

/** Remembers a device that proved something without a sign-in. Its first sign-in is still that of a new device. */
export const markProvedDevice = async (
  { redis, keys }: Store,
  userId: string,
  device: string,
): Promise<void> => {
  await markScript(redis, [keys.proved(userId)], [device])
}

/** No device is known any more: those of a thief must not be. */
export const forgetDevices = async ({ redis, keys }: Store, userId: string): Promise<void> => {
  await forgetScript(redis, [keys.seen(userId), keys.proved(userId)], [])
}

/** Leaves no trace of the devices of a user. */
export const deleteDevices = async ({ redis, keys }: Store, userId: string): Promise<void> => {
  await redis.del(keys.seen(userId), keys.proved(userId))
}
