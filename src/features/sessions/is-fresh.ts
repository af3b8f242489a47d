import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'

/**
 * Whether the user of a session authenticated within `FRESH_FOR`. `authTime` comes from the session in Redis and not from the
 * token: a token that was issued before a reauthentication belongs to the same session, and is fresh with it. A time that far
 * in the future comes from a wrong clock and does not count, or the session would stay fresh until then.
 */
export const isFresh = ({ config, clock }: Pick<Deps, 'config' | 'clock'>, authTime: number): boolean =>
  Math.abs(now(clock) - authTime) < config.FRESH_FOR
