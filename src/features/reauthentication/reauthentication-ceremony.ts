import type { Ceremony } from '../webauthn/ceremony.ts'

/** The ceremony in which the user of a session shows a passkey. The answer is good for that session only. */
export const reauthenticationCeremony = (user: { id: string }, sessionId: string): Ceremony => ({
  name: 'reauthenticate',
  userId: user.id,
  binding: sessionId,
})
