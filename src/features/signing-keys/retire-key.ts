import type { Deps } from '../../deps.ts'
import { announceNextKey } from './announce-next-key.ts'
import { changeKeys } from './change-keys.ts'
import { promoteKey } from './promote-key.ts'
import type { KeyTransaction } from './store.ts'
import type { KeyActor, KeyState } from './types.ts'
import { untilSeen } from './until-seen.ts'
import { withdrawKey } from './withdraw-key.ts'

type Needs = Pick<Deps, 'clock' | 'database' | 'log' | 'secrets'>

/** The retired key, and the key that signs now. `wasRetired`: it was retired before. */
export type RetiredKey = { key: KeyState; signing: KeyState | null; wasRetired: boolean }

type Attempt = RetiredKey | 'unknown' | { waitFor: KeyState; at: Date }

/**
 * Retires a key: no process accepts its tokens two seconds later. The key that signs is replaced first, by a key that every
 * process knows, so that no request is refused because of a key that a process has not read yet.
 *
 * If this process dies before the key is retired, its successor stays published, and the command can be run again.
 */
export const retireKey = async (
  deps: Needs,
  { kid, actor }: { kid: string; actor: KeyActor },
): Promise<RetiredKey | 'unknown'> => {
  const known = new Set<string>()
  for (;;) {
    const result = await changeKeys(deps, tx => attempt(deps, tx, { kid, actor, known }))
    if (result === 'unknown' || !('waitFor' in result)) return result
    await untilSeen(result.waitFor, result.at)
    known.add(result.waitFor.kid)
  }
}

/** `known`: the published keys that every process has read. */
type Request = { kid: string; actor: KeyActor; known: ReadonlySet<string> }

// Each attempt decides by the state that it finds, as a worker or another operator may have changed it while this one waited.
const attempt = async (deps: Needs, tx: KeyTransaction, { kid, actor, known }: Request): Promise<Attempt> => {
  const key = tx.keys.find(each => each.kid === kid)
  const signing = tx.keys.find(({ status }) => status === 'signing') ?? null
  if (!key) return 'unknown'
  if (key.status === 'retired') return { key, signing, wasRetired: true }
  if (key !== signing) return { key: await withdrawKey(tx, key, actor), signing, wasRetired: false }
  const successor = tx.keys.find(each => each.status === 'published' && known.has(each.kid))
  if (!successor) return { waitFor: (await announceNextKey(deps, tx, actor)).key, at: tx.now }
  const promoted = await promoteKey(tx, successor, actor)
  return { key: await withdrawKey(tx, key, actor), signing: promoted, wasRetired: false }
}
