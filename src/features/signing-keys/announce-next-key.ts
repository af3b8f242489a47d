import type { Deps } from '../../deps.ts'
import { publishKey } from './publish-key.ts'
import { type KeyTransaction, setKeyDates } from './store.ts'
import { type KeyActor, type KeyState, keyTimes } from './types.ts'

/**
 * Publishes a key that signs in 15 minutes. A key that is waiting already is taken instead, and signs then at the latest:
 * two operators who rotate at the same time publish one key.
 */
export const announceNextKey = async (
  deps: Pick<Deps, 'secrets'>,
  tx: KeyTransaction,
  actor: KeyActor,
): Promise<{ key: KeyState; isNew: boolean }> => {
  const notBefore = new Date(tx.now.getTime() + keyTimes.leadOfCommand)
  const waiting = tx.keys.find(({ status }) => status === 'published')
  if (!waiting) return { key: await publishKey(deps, tx, { notBefore, actor }), isNew: true }
  const key = waiting.not_before > notBefore ? { ...waiting, not_before: notBefore } : waiting
  if (key !== waiting) await setKeyDates(tx, key)
  return { key, isNew: false }
}
