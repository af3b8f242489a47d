/**
 * The time, and how far it is moved from this machine's. Scripts in Redis read the time there and add
 * `shift` (milliseconds), so that instances whose clocks differ agree on what has expired. In production
 * the shift is 0; tests travel with it.
 */
export type Clock = { shift: number }

/** Milliseconds since 1970. */
export const now = (clock: Clock): number => Date.now() + clock.shift
