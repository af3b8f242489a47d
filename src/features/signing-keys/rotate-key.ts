import type { Deps } from '../../deps.ts'
import { announceNextKey } from './announce-next-key.ts'
import { changeKeys } from './change-keys.ts'
import { promoteKey } from './promote-key.ts'
import type { KeyActor, KeyState } from './types.ts'
import { untilSeen } from './until-seen.ts'

type Needs = Pick<Deps, 'clock' | 'database' | 'log' | 'secrets'>

/**
 * Publishes the next key, which a worker promotes 15 minutes later. With `now` it signs as soon as every process knows it.
 * Returns null if another command has retired the key meanwhile.
 *
 * If this process dies in between, the key stays published, and the worker promotes it.
 */
export const rotateKey = async (
  deps: Needs,
  { now, actor }: { now: boolean; actor: KeyActor },
): Promise<{ key: KeyState; isNew: boolean } | null> => {
  const next = await changeKeys(deps, async tx => ({
    ...(await announceNextKey(deps, tx, actor)),
    at: tx.now,
  }))
  if (!now) return next
  await untilSeen(next.key, next.at)
  return changeKeys(deps, async tx => {
    const key = tx.keys.find(({ kid }) => kid === next.key.kid)
    if (!key || key.status === 'retired') return null
    return { key: key.status === 'published' ? await promoteKey(tx, key, actor) : key, isNew: next.isNew }
  })
}
