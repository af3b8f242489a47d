import type { SecretsStatus } from '../../features/app-secret/read-secrets-status.ts'
import type { Dependents } from '../../features/app-secret/types.ts'
import { type Command, command, done } from './command.ts'
import { columns } from './help.ts'

const timeOf = (milliseconds: number | null): string | null =>
  milliseconds === null ? null : new Date(milliseconds).toISOString()

const countsOf = ({ sessions, links, sealedRows }: Dependents) => ({
  sessions: sessions.count,
  links: links.count,
  sealed_rows: sealedRows.count,
})

type Counts = ReturnType<typeof countsOf>

const sum = (all: readonly Counts[]): Counts => ({
  sessions: all.reduce((count, each) => count + each.sessions, 0),
  links: all.reduce((count, each) => count + each.links, 0),
  sealed_rows: all.reduce((count, each) => count + each.sealed_rows, 0),
})

/** Null without a previous secret, and while one cannot be dropped at any known time. */
const dateOf = ({ previous }: SecretsStatus): string | null => {
  const dates = previous.flatMap(({ mayBeDroppedAt }) => (mayBeDroppedAt === null ? [] : [mayBeDroppedAt]))
  return previous.length === 0 || dates.length < previous.length ? null : timeOf(Math.max(...dates))
}

const view = (status: SecretsStatus) => ({
  counts: sum(status.previous.map(({ dependents }) => countsOf(dependents))),
  may_be_dropped_at: dateOf(status),
  current: { id: status.current.id, counts: countsOf(status.current.dependents) },
  previous: status.previous.map(({ id, dependents, mayBeDroppedAt }) => ({
    id,
    counts: countsOf(dependents),
    may_be_dropped_at: timeOf(mayBeDroppedAt),
    used_refresh_tokens: {
      sessions: dependents.usedTokens.count,
      until: timeOf(dependents.usedTokens.until),
    },
  })),
  unlisted: { counts: countsOf(status.unlisted) },
  lists_in_use: status.lists,
})

type View = ReturnType<typeof view>

const adviceFor = (
  { id, counts, may_be_dropped_at, used_refresh_tokens: used }: View['previous'][number],
  { lists_in_use }: View,
  now: number,
): string => {
  const theft =
    used.sessions === 0
      ? ''
      : ` If one of its used refresh tokens (${used.sessions} sessions, until ${used.until}) comes back after that, it is refused, but no longer ends the session as a theft.`
  if (lists_in_use.some(({ ids }) => ids[0] === id)) return `Keep ${id}: a running process uses it first.`
  if (may_be_dropped_at === null)
    return `Keep ${id}: a worker must seal ${counts.sealed_rows} rows under the current secret first.`
  return Date.parse(may_be_dropped_at) <= now
    ? `Nothing depends on ${id}. It may be dropped, or put first to begin to use it.${theft}`
    : `Keep ${id} until ${may_be_dropped_at}: then all of this has moved to the current secret or expired.${theft}`
}

const textOf = (shown: View, now: number): string => {
  const row = (name: string, { sessions, links, sealed_rows }: Counts): string[] => [
    name,
    ...[sessions, links, sealed_rows].map(String),
  ]
  const { unlisted } = shown
  const lost = Object.values(unlisted.counts).some(count => count > 0)
  const processes = shown.lists_in_use.map(
    ({ ids, processes: count }) => `${count} running: APP_SECRET lists ${ids.join(', then ')}.`,
  )
  return [
    columns([
      ['SECRET', 'SESSIONS', 'LINKS', 'SEALED ROWS'],
      row(`${shown.current.id} (current)`, shown.current.counts),
      ...shown.previous.map(({ id, counts }) => row(id, counts)),
      ...(lost ? [row('not listed', unlisted.counts)] : []),
    ]),
    ...(lost ? ['What depends on secrets that APP_SECRET does not list no longer works.'] : []),
    ...processes,
    ...shown.previous.map(each => adviceFor(each, shown, now)),
    ...(shown.previous.length === 0
      ? ['APP_SECRET lists one secret. There is no previous one to drop.']
      : []),
  ].join('\n')
}

const status = command({
  name: 'secrets status',
  summary: 'Show what depends on each secret of APP_SECRET',
  description:
    'Counts sessions, emailed links that can still be used, and sealed rows, and tells when previous secrets may be dropped. Secrets are shown by an id that reveals nothing about them.',
  arguments: {},
  options: {},
  needs: 'everything',
  run: async deps => {
    const { readSecretsStatus } = await import('../../features/app-secret/read-secrets-status.ts')
    const shown = view(await readSecretsStatus(deps))
    return done(shown, textOf(shown, Date.now()))
  },
})

export const secretCommands: Command[] = [status]
