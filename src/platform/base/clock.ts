/**
 * `shift` is added to the time, in milliseconds: 0 in production, other values in tests. Scripts in Redis add it to the
 * time of Redis, so that instances whose clocks differ agree on a rotation.
 */
export type Clock = { shift: number }

/** Milliseconds since 1970. */
export const now = (clock: Clock): number => Date.now() + clock.shift
