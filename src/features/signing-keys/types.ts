import type { PublishedKey } from '../../platform/crypto/key-ring.ts'

/** A signing key as the rotation sees it, without its secret. */
export type KeyState = PublishedKey & {
  created_at: Date
  /** The longest life of a token that it signed, in seconds. Each process raises it to its own before it signs. */
  token_life: number
}

/** Who changes the keys, for the audit events. */
export type KeyActor = { actorId?: null; origin: { ip: string; userAgent: string; operator?: string } }

const second = 1000
const minute = 60 * second
const hour = 60 * minute

export const keyTimes = {
  /** How often each process reads the keys. */
  poll: second,
  /** A process that has not read the keys for this time reads them before it verifies another token. */
  longestUnread: 2 * second,
  /** After this time every process that verifies tokens has read a change. Each still needs the time of the read itself. */
  untilSeen: 2.25 * second,
  /** The least time between two reads because of an unknown key id. */
  unknownKey: 5 * second,
  /** A planned key is published this long before it signs. */
  lead: 24 * hour,
  /** A key of `keys rotate` is published this long before it signs: three times as long as caches keep the published set. */
  leadOfCommand: 15 * minute,
  /** How long a key stays published after the last of its tokens has expired. */
  afterLastToken: 5 * minute,
}
