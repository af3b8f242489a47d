import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { noteClientUse } from './store.ts'
import type { Client } from './types.ts'

const minuteMs = 60_000

/**
 * Notes when a client was last used, once a minute. The request does not wait for it, and does not fail with it: the time is
 * only for administrators who look for clients that are not in use.
 */
export const noteUse = (
  { clock, database, log }: Pick<Deps, 'clock' | 'database' | 'log'>,
  { id, last_used_at }: Pick<Client, 'id' | 'last_used_at'>,
): void => {
  const minute = Math.floor(now(clock) / minuteMs) * minuteMs
  if (last_used_at && last_used_at.getTime() >= minute) return
  noteClientUse(database, id, new Date(minute)).catch(err =>
    log.warn({ err }, 'the last use of a client was not noted'),
  )
}
