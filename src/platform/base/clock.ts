/**
 * The time, and how far it is moved from this machine's. What is decided in Redis reads the time there and adds
 * `shift` (milliseconds), so that instances whose clocks differ agree on a rotation. In production the shift is 0;
 * tests travel with it.
 */
export type Clock = { shift: number }

/** Milliseconds since 1970. */
export const now = (clock: Clock): number => Date.now() + clock.shift
