import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { countLinks } from './count-links.ts'
import { countSealedRows } from './count-sealed-rows.ts'
import { findListsInUse, type ListInUse, scanSessions } from './store.ts'
import { addTo, type Dependents, noDependents } from './types.ts'

type Needs = Pick<Deps, 'database' | 'redis' | 'keys' | 'clock' | 'emails' | 'secrets' | 'sealedColumns'>

/**
 * `mayBeDroppedAt` is when nothing depends on the secret any more, even if no client refreshes before: now, if nothing does
 * already. Null if time alone does not get there: rows must be sealed anew, or a process still uses it first.
 */
export type PreviousSecret = { id: string; dependents: Dependents; mayBeDroppedAt: number | null }

export type SecretsStatus = {
  current: { id: string; dependents: Dependents }
  previous: PreviousSecret[]
  /** What was made under secrets that APP_SECRET does not list. It no longer works. */
  unlisted: Dependents
  lists: ListInUse[]
}

/** Tells what still depends on each secret of APP_SECRET, and when the previous ones may be dropped. */
export const readSecretsStatus = async (deps: Needs): Promise<SecretsStatus> => {
  const { current, all } = deps.secrets
  // Before the counts: otherwise a process could make something under an old secret behind the count, and end unseen.
  const lists = await findListsInUse(deps)
  const found = await countDependents(deps)
  const of = (id: string) => found.get(id) ?? noDependents
  const previous = all.slice(1).map(({ id }) => ({
    id,
    dependents: of(id),
    mayBeDroppedAt: lists.some(({ ids }) => ids[0] === id) ? null : dropDate(of(id), now(deps.clock)),
  }))
  const others = [...found].filter(([id]) => !all.some(keys => keys.id === id))
  const unlisted = others.reduce((sum, [, dependents]) => merge(sum, dependents), noDependents)
  return { current: { id: current.id, dependents: of(current.id) }, previous, unlisted, lists }
}

const dropDate = ({ sessions, links, sealedRows }: Dependents, at: number): number | null =>
  sealedRows.count > 0 ? null : Math.max(at, sessions.until ?? 0, links.until ?? 0)

const merge = (one: Dependents, other: Dependents): Dependents => ({
  sessions: addTo(one.sessions, other.sessions.count, other.sessions.until),
  links: addTo(one.links, other.links.count, other.links.until),
  sealedRows: addTo(one.sealedRows, other.sealedRows.count, null),
  usedTokens: addTo(one.usedTokens, other.usedTokens.count, other.usedTokens.until),
})

/** By the id of their secret. What names none was made by a version with one secret, which is the oldest by now. */
const countDependents = async (deps: Needs): Promise<Map<string, Dependents>> => {
  const found = new Map<string, Dependents>()
  const oldest = deps.secrets.all.at(-1)?.id ?? deps.secrets.current.id
  const add = (id: string, kind: keyof Dependents, count: number, until: number | null): void => {
    const dependents = found.get(id) ?? noDependents
    found.set(id, { ...dependents, [kind]: addTo(dependents[kind], count, until) })
  }
  for await (const sessions of scanSessions(deps))
    for (const { secretId, pastIds, idleUntil, expiresAt } of sessions) {
      add(secretId ?? oldest, 'sessions', 1, idleUntil)
      for (const id of pastIds) add(id, 'usedTokens', 1, expiresAt)
    }
  for (const { secretId, links, until } of await countLinks(deps))
    add(secretId ?? oldest, 'links', links, until)
  for (const { secretId, rows } of await countSealedRows(deps)) add(secretId ?? '', 'sealedRows', rows, null)
  return found
}
