import type { AttemptCounter } from '../lockout/attempt-counter.ts'

// Wrong codes of the second factors of a user, over all sign-ins and sessions. Passkeys do not count: they cannot be guessed.

// A counter expires a day after its latest attempt. An attacker who waits for that gets fewer guesses a day than by one guess
// after each of the longest waits.
const life = 86_400_000

const counterOf = (userId: string, name: string): AttemptCounter => ({
  of: 'second_factor',
  owner: userId,
  name,
  life,
})

/**
 * The counter of a sign-in. A device that has signed in before has its own. All others share one: an attacker who knows the
 * password cannot make the owner's own device wait. `device.id` is its `deviceId`.
 */
export const factorsAtDevice = (userId: string, device: { id: string; signedIn: boolean }): AttemptCounter =>
  counterOf(userId, device.signedIn ? `device:${device.id}` : 'unknown')

/** The counter of one session, in which a signed-in user proves a factor again. */
export const factorsInSession = (userId: string, sessionId: string): AttemptCounter =>
  counterOf(userId, `session:${sessionId}`)
