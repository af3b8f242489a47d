import type { Deps } from '../../deps.ts'
import { changeKeys } from './change-keys.ts'
import { promoteKey } from './promote-key.ts'
import { publishKey } from './publish-key.ts'
import { type RotationStep, rotationStep } from './rotation-step.ts'
import { type KeyTransaction, readKeyStates, setKeyDates } from './store.ts'
import type { KeyActor } from './types.ts'
import { withdrawKey } from './withdraw-key.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'database' | 'log' | 'secrets'>

const actor: KeyActor = { origin: { ip: '', userAgent: 'latchkey worker' } }

/**
 * Publishes the next key ahead of its time, promotes it when it is due, and retires the one before when its last token has
 * expired. Returns how many keys it changed.
 *
 * Keys that are published already are promoted and retired even if `SIGNING_KEY_ROTATION` is `off`: an operator may have
 * published them. Each call makes every step that is due, one transaction for each, so that a call that fails is continued
 * by the next one.
 */
export const rotateWhenDue = async (deps: Needs): Promise<number> => {
  const rotation = deps.config.SIGNING_KEY_ROTATION
  // Without a lock, as nothing is due nearly always.
  const { keys, now } = await readKeyStates(deps.database, deps.clock)
  if (!rotationStep(keys, { now, rotation })) return 0
  for (let changed = 0; ; changed++) {
    const isChanged = await changeKeys(deps, async tx => {
      const step = rotationStep(tx.keys, { now: tx.now, rotation })
      if (step) await take(deps, tx, step)
      return step !== null
    })
    if (!isChanged) return changed
  }
}

const take = async (deps: Needs, tx: KeyTransaction, step: RotationStep): Promise<unknown> => {
  if (step.do === 'publish') return publishKey(deps, tx, { notBefore: step.notBefore, actor })
  if (step.do === 'promote') return promoteKey(tx, step.key, actor)
  if (step.do === 'retire') return withdrawKey(tx, step.key, actor)
  return setKeyDates(tx, step.key)
}
