import type { Redis } from 'ioredis'
import type { Keys } from '../storage/keys.ts'
import { script } from '../storage/script.ts'

type Store = { redis: Redis; keys: Keys }

const markScript = script(import.meta.dirname, 'mark.lua')

/** Whether nobody signed in from this device before, while others are known. */
export const isNewDevice = async (
  { redis, keys }: Store,
  userId: string,
  device: string,
): Promise<boolean> => {
  const [known, seen] = await Promise.all([
    redis.zcard(keys.seen(userId)),
    redis.zscore(keys.seen(userId), device),
  ])
  return known > 0 && seen === null
}

/** Remembers a device that somebody signed in from. */
export const markDevice = async ({ redis, keys }: Store, userId: string, device: string): Promise<void> => {
  await markScript(redis, [keys.seen(userId)], [device])
}

/** Forgets every device of a user. */
export const dropDevices = async ({ redis, keys }: Store, userId: string): Promise<void> => {
  await redis.del(keys.seen(userId))
}
