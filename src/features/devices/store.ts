import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'

type Store = { redis: RedisConnection; keys: Keys }

const addScript = script(import.meta.dirname, 'add.lua')
const resetScript = script(import.meta.dirname, 'reset.lua')

/**
 * Whether a device is known: it has signed in before (`signedIn`), or it presented an emailed token or registered the
 * account. `owner` is the id of a user, or the account key of an address without a user.
 */
export const findDevice = async (
  { redis, keys }: Store,
  owner: string,
  device: string,
): Promise<{ isKnown: boolean; signedIn: boolean }> => {
  const [seen, verified] = await Promise.all(
    [keys.seen(owner), keys.proved(owner)].map(key => redis.zscore(key, device)),
  )
  return { isKnown: (seen ?? verified ?? null) !== null, signedIn: (seen ?? null) !== null }
}

/** Whether a user has signed in from any device before. */
export const hasDevices = async ({ redis, keys }: Store, userId: string): Promise<boolean> =>
  (await redis.exists(keys.seen(userId))) === 1

/** Makes a device known that has signed in. */
export const addSignedInDevice = async (
  { redis, keys }: Store,
  userId: string,
  device: string,
): Promise<void> => {
  await addScript(redis, [keys.seen(userId)], [device])
}

/**
 * Makes a device known that has not signed in, but presented an emailed token or registered the account. Its first sign-in
 * still sends the email about a new device.
 */
export const addVerifiedDevice = async (
  { redis, keys }: Store,
  userId: string,
  device: string,
): Promise<void> => {
  await addScript(redis, [keys.proved(userId)], [device])
}

/** Makes every device unknown, because one may be an attacker's. The next sign-in counts as one from a new device. */
export const resetDevices = async ({ redis, keys }: Store, userId: string): Promise<void> => {
  await resetScript(redis, [keys.seen(userId), keys.proved(userId)], [])
}

/** Deletes everything that is stored on the devices of a user. */
export const deleteDevices = async ({ redis, keys }: Store, userId: string): Promise<void> => {
  await redis.del(keys.seen(userId), keys.proved(userId))
}
