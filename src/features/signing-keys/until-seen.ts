import { setTimeout as sleep } from 'node:timers/promises'
import type { KeyState } from './types.ts'
import { keyTimes } from './types.ts'

/** Waits until every process knows this published key. `now` is the time of Postgres at which the key was read. */
export const untilSeen = async ({ created_at }: KeyState, now: Date): Promise<void> => {
  const age = Math.max(0, now.getTime() - created_at.getTime())
  if (age < keyTimes.untilSeen) await sleep(keyTimes.untilSeen - age)
}
