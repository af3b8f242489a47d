import { sha256 } from '../../platform/crypto/derive.ts'
import type { Lane } from '../../platform/crypto/hash-queue.ts'

/**
 * Counts the attempts that share a limit. Unknown devices share one counter for each account. A known device and a session
 * have their own, so that an attacker who guesses from elsewhere cannot use up the owner's attempts.
 *
 * `of` is what is guessed. `owner` is in the Redis key: the id of a user or an account key. `life` is in milliseconds.
 */
export type AttemptCounter = { of: 'password' | 'second_factor'; owner: string; name: string; life: number }

/** Attempts at a password wait for a hash thread in `lane`. */
export type PasswordCounter = AttemptCounter & { of: 'password'; lane: Lane }

const day = 86_400_000

/** Stands for an address in Redis keys. It is the same whether or not an account has the address. */
export const accountKey = (email: string): string =>
  sha256(`account\n${email}`).toString('base64url').slice(0, 22)

// This counter expires after a day, because anyone can cause it for any address. `failed_logins` of the user, which locks
// the password, does not expire. Redis stores the name: another one would give attackers new attempts after an update.
export const unknownDevices = (email: string): PasswordCounter => ({
  of: 'password',
  owner: accountKey(email),
  name: 'strangers',
  life: day,
  lane: 'unknown',
})

/** The counter of one known device. `device` is its `deviceId`. */
export const knownDevice = (userId: string, device: string): PasswordCounter => ({
  of: 'password',
  owner: userId,
  name: `device:${device}`,
  life: 400 * day,
  lane: 'known',
})

/** The counter of one session, for a password that a signed-in user enters again. */
export const ownSession = (userId: string, sessionId: string): PasswordCounter => ({
  of: 'password',
  owner: userId,
  name: `session:${sessionId}`,
  life: 400 * day,
  lane: 'known',
})
