import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, now } from '../../platform/base/clock.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import { mastersOf, type RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'

type Store = { redis: RedisConnection; keys: Keys }

const inUseScript = script(import.meta.dirname, 'in-use.lua')

/** A process that has not reported for this long has ended. */
const recordMs = 60_000

/** How often a process reports. */
export const reportEveryMs = 15_000

/** A list of secrets by their ids, the current one first, and how many running processes use it. */
export type ListInUse = { ids: string[]; processes: number }

const recordOf = (ids: readonly string[], processId: string): string => `${ids.join(',')} ${processId}`

/** Reports the list of a running process. */
export const reportList = async (
  { redis, keys }: Store,
  ids: readonly string[],
  processId: string,
): Promise<void> => {
  await inUseScript(redis, [keys.secretsInUse], [recordOf(ids, processId), recordMs])
}

/** Withdraws the report of a process that ends. */
export const withdrawList = async (
  { redis, keys }: Store,
  ids: readonly string[],
  processId: string,
): Promise<void> => {
  await redis.zrem(keys.secretsInUse, recordOf(ids, processId))
}

/** The lists that running processes have reported. */
export const findListsInUse = async ({ redis, keys }: Store): Promise<ListInUse[]> => {
  const records = (await inUseScript(redis, [keys.secretsInUse], ['', recordMs])) as string[]
  const counts = new Map<string, number>()
  for (const record of records) {
    const [list = ''] = record.split(' ')
    counts.set(list, (counts.get(list) ?? 0) + 1)
  }
  return [...counts].map(([list, processes]) => ({ ids: list.split(','), processes }))
}

/** The secret of the last refresh token of a session (null: of a version that recorded none), and of earlier ones. */
export type SessionSecrets = {
  secretId: string | null
  pastIds: string[]
  idleUntil: number
  expiresAt: number
}

const scanCount = 500

/**
 * The live sessions, in batches. After each batch it waits as long as the batch took, so that requests of the service come in
 * between. Redis may return a session twice while its table of keys grows or shrinks, but misses none.
 */
export async function* scanSessions({
  redis,
  keys,
  clock,
}: Store & { clock: Clock }): AsyncGenerator<SessionSecrets[]> {
  for (const node of mastersOf(redis)) {
    let cursor = '0'
    do {
      const began = performance.now()
      const [next, found] = await node.scan(cursor, 'MATCH', keys.session('*', '*'), 'COUNT', scanCount)
      const pipeline = node.pipeline()
      for (const key of found)
        pipeline.hmget(key, 'current', 'idle_until', 'expires_at', 'secret_id', 'past_secret_ids')
      const replies = (await pipeline.exec()) ?? []
      yield replies.flatMap(([error, fields]) => {
        if (error) throw error
        const [current, idleUntil, expiresAt, secretId, past] = fields as (string | null)[]
        if (!current || now(clock) >= Number(idleUntil)) return []
        const pastIds = past?.split(' ').filter(Boolean) ?? []
        const times = { idleUntil: Number(idleUntil), expiresAt: Number(expiresAt) }
        return [{ ...times, secretId: secretId ?? null, pastIds }]
      })
      cursor = next
      if (cursor !== '0') await sleep(performance.now() - began)
    } while (cursor !== '0')
  }
}
