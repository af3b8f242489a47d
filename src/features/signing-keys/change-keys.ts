import type { Deps } from '../../deps.ts'
import { type KeyChange, type KeyTransaction, lockKeys, readKeyStates } from './store.ts'

/**
 * Runs a change of the keys in a transaction that no other change overlaps, whichever process makes it. The lock belongs to
 * the transaction, so it works behind a pooler and a crash releases it.
 */
export const changeKeys = async <T>(
  { database, clock, log }: Pick<Deps, 'database' | 'clock' | 'log'>,
  change: (tx: KeyTransaction) => Promise<T>,
): Promise<T> => {
  const changes: KeyChange[] = []
  const result = await database.transaction(async manager => {
    await lockKeys(manager)
    return change({ manager, changes, ...(await readKeyStates(manager, clock)) })
  })
  for (const { message, kid, at } of changes) log.info({ kid, at }, message)
  return result
}
