import { sha256 } from '../../platform/crypto/derive.ts'
import type { Lane } from '../../platform/crypto/hash-queue.ts'

/**
 * Whose attempts at a password count together. Strangers share one budget for each account; a device that somebody
 * signed in from before has its own, and so has a session: nobody can use up an owner's by guessing from elsewhere.
 * `of` is whom the key belongs to, `life` in milliseconds, `lane` where such attempts wait for a hash thread.
 */
export type Budget = { of: string; name: string; life: number; lane: Lane }

const day = 86_400_000

/** Stands for an address in keys: whether somebody has it or not, the same attempts are counted under it. */
export const accountKey = (email: string): string =>
  sha256(`account\n${email}`).toString('base64url').slice(0, 22)

// What anybody can cause for any address must not stay: the count that closes a password is kept with its user.
export const strangers = (email: string): Budget => ({
  of: accountKey(email),
  name: 'strangers',
  life: day,
  lane: 'unknown',
})

export const knownDevice = (userId: string, device: string): Budget => ({
  of: userId,
  name: `device:${device}`,
  life: 400 * day,
  lane: 'known',
})

export const ownSession = (userId: string, sessionId: string): Budget => ({
  of: userId,
  name: `session:${sessionId}`,
  life: 400 * day,
  lane: 'known',
})
