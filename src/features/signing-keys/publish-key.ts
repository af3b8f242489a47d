import type { Deps } from '../../deps.ts'
import { createKey } from './create-key.ts'
import { recordKeyEvent } from './record-key-event.ts'
import { insertKey, type KeyTransaction } from './store.ts'
import type { KeyActor, KeyState } from './types.ts'

/** Publishes a new key, which signs from `notBefore` on. */
export const publishKey = async (
  deps: Pick<Deps, 'secrets'>,
  tx: KeyTransaction,
  { notBefore, actor }: { notBefore: Date; actor: KeyActor },
): Promise<KeyState> => {
  const { kid, public_key, sealed_secret } = createKey(deps)
  await insertKey(tx, { kid, public_key, sealed_secret, not_before: notBefore })
  const data = { not_before: notBefore.toISOString() }
  await recordKeyEvent(tx, { type: 'signing_key.published', kid, at: notBefore, data }, actor)
  const dates = { not_before: notBefore, not_after: null, created_at: tx.now }
  return { kid, public_key, status: 'published', ...dates, token_life: 0 }
}
