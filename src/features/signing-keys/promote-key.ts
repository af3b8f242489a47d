import { recordKeyEvent } from './record-key-event.ts'
import { type KeyTransaction, setSigningKey } from './store.ts'
import { type KeyActor, type KeyState, keyTimes } from './types.ts'

/** Lets a published key sign. The key that signed until now verifies until the last of its tokens has expired. */
export const promoteKey = async (tx: KeyTransaction, key: KeyState, actor: KeyActor): Promise<KeyState> => {
  const old = tx.keys.find(({ status }) => status === 'signing')
  const oldLife = (old?.token_life ?? 0) * 1000 + keyTimes.afterLastToken
  const oldNotAfter = new Date(tx.now.getTime() + oldLife)
  await setSigningKey(tx, { kid: key.kid, oldNotAfter })
  const data = old && { retiring: old.kid, retires_at: oldNotAfter.toISOString() }
  await recordKeyEvent(
    tx,
    { type: 'signing_key.promoted', kid: key.kid, at: oldNotAfter, ...(data && { data }) },
    actor,
  )
  return { ...key, status: 'signing', not_before: tx.now }
}
