import { recordKeyEvent } from './record-key-event.ts'
import { type KeyTransaction, setRetired } from './store.ts'
import type { KeyActor, KeyState } from './types.ts'

/** Retires a key that no longer signs: it is not published, and no token that it signed is accepted. */
export const withdrawKey = async (tx: KeyTransaction, key: KeyState, actor: KeyActor): Promise<KeyState> => {
  await setRetired(tx, key.kid)
  const { kid } = key
  await recordKeyEvent(
    tx,
    { type: 'signing_key.retired', kid, at: tx.now, data: { before: { status: key.status } } },
    actor,
  )
  return { ...key, status: 'retired', not_after: tx.now }
}
