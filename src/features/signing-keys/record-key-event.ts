import { recordEvent } from '../audit/record-event.ts'
import type { KeyTransaction } from './store.ts'
import type { KeyActor } from './types.ts'

const messages = {
  'signing_key.published': 'signing key published: it signs from this time on',
  'signing_key.promoted': 'signing key promoted: the one before retires at this time',
  'signing_key.retired': 'signing key retired',
} as const

type KeyEvent = { type: keyof typeof messages; kid: string; at: Date; data?: Record<string, unknown> }

/** Records a change of the keys as an audit event, and for the log. */
export const recordKeyEvent = async (
  { manager, changes }: KeyTransaction,
  { type, kid, at, data }: KeyEvent,
  { actorId = null, origin }: KeyActor,
): Promise<void> => {
  await recordEvent(manager, { type, userId: null, actorId, origin, data: { kid, ...data } })
  changes.push({ message: messages[type], kid, at })
}
