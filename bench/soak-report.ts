import { writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { type Counters, type Failure, failureKinds, percentile, slowMs } from '../test/chaos/counters.ts'
import { allHold, type FaultSpan, graceMs, invariants, isIn, kindOf, type Run } from './soak-invariants.ts'

// Writes what a soak has measured in Markdown, and whether every invariant held.

export const load = (): string => loadavg()[0]?.toFixed(1) ?? ''

const table = (head: string[], rows: (string | number)[][]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1)

const counted = (counts: Map<string, number>): string =>
  [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ')

const routesTable = ({ routes }: Counters): string =>
  table(
    ['Request', 'count', 'p50, ms', 'p99, ms', 'most, ms', 'answers'],
    [...routes]
      .sort(
        ([a], [b]) => Number(a.startsWith('hostile')) - Number(b.startsWith('hostile')) || a.localeCompare(b),
      )
      .map(([route, { statuses, times }]) => [
        ...[route, times.total, percentile(times, 0.5).toFixed(1), percentile(times, 0.99).toFixed(0)],
        ...[times.most.toFixed(0), counted(statuses)],
      ]),
  )

const kindsOf = (counters: Counters, failures: Failure[]): string[] =>
  failureKinds.map(kind => String(failures.filter(failure => kindOf(counters, failure) === kind).length))

const between = <T>(list: T[], from: number, to: number): T[] =>
  list.slice(Math.floor(from / 1000), Math.ceil(to / 1000) + 1)

const faultRow = ({ counters, emails }: Run, fault: FaultSpan): string[] => {
  const { title, began, ended } = fault
  const failures = counters.failures.filter(failure => isIn(fault, failure))
  const noticed = failures.filter(failure => kindOf(counters, failure) !== 'busy')
  const last = Math.max(0, ...noticed.map(({ began: at }) => at - ended))
  const window = (list: number[]) => between(list, began, ended + graceMs)
  const requests = window(counters.seconds.requests).reduce((sum, count = 0) => sum + count, 0)
  const late = emails.delivered.filter(
    ({ queued, arrived }) => queued >= began - 1000 && queued <= ended && arrived > ended,
  )
  const lastEmail = Math.max(0, ...late.map(({ arrived }) => arrived - ended))
  return [
    ...[title, seconds(began), seconds(ended - began), String(requests), ...kindsOf(counters, failures)],
    noticed.length === 0 ? '–' : last <= 0 ? 'at once' : `${seconds(last)} s`,
    `${seconds(Math.max(0, ...Array.from(window(counters.seconds.slowest), most => most ?? 0)))} s`,
    late.length === 0 ? '–' : `${late.length} by ${seconds(lastEmail)} s`,
  ]
}

const faultsTable = (run: Run): string => {
  const outside = run.counters.failures.filter(failure => !run.spans.some(fault => isIn(fault, failure)))
  return table(
    [
      ...[
        'Fault',
        'at, s',
        'held, s',
        'requests',
        '503',
        'hash queue full',
        'no answer',
        '500',
        'last failure after the fault',
      ],
      ...['slowest answer', 'emails that waited'],
    ],
    [
      ...run.spans.map(fault => faultRow(run, fault)),
      ['_outside_', '', '', '', ...kindsOf(run.counters, outside), '', '', ''],
    ],
  )
}

const memoryTable = (run: Run): string =>
  table(
    ['Process', 'starts', 'memory after its last start, MB', 'most', 'at the end', 'heap at the end'],
    run.memory.map(([name, { first, most, last, heap, starts }]) => [
      ...[name, starts, first.toFixed(0), most.toFixed(0), last.toFixed(0), heap?.toFixed(0) ?? '–'],
    ]),
  )

const details = ({ counters: { violations, notes }, errors }: Run): string => {
  const lines = violations
    .slice(0, 50)
    .map(({ at, what, detail }) => `- ${seconds(at)} s, ${what}: ${detail}`)
  const seen = [...notes, ...errors].map(([what, count]) => `- ${what}: ${count}`)
  return [...lines, ...seen].join('\n')
}

const emailLines = ({ emails }: Run): string =>
  `${emails.queued} emails were queued, ${emails.sent} of them delivered; ${emails.twice} arrived more than once, as at-least-once delivery allows. ${emails.dropped} rows were dropped: a later email had replaced them, or their token was used. From the change to the mail server: median ${seconds(emails.median)} s, 99 % within ${seconds(emails.p99)} s, all within ${seconds(emails.most)} s, including waits for a mail server with a fault.`

export const markdown = (run: Run): string => {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() || 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}`
  const versions = Object.entries(run.versions).map(([name, version]) => `${name} ${version}`)
  const { counters, flushed } = run
  const count = [...counters.routes.values()].reduce((sum, { times }) => sum + times.total, 0)
  return `# Soak

Two API processes behind a balancer, two workers, a Postgres, a Redis and a mail server; honest clients, attackers,
and every fault once. \`npm run bench:soak\` repeats it.

${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC; ${run.minutes} minutes, ${run.rate} visits begun each second, ${count} requests; BCRYPT_COST=${run.cost}. Load of the machine ${run.loads.join(' before, ')} after. ${machine}; ${versions.join(', ')}.

**${allHold(run) ? 'Every invariant held.' : 'NOT every invariant held.'}**

${table(['What must not happen', 'times'], invariants(run))}

## Faults

Failures from the beginning of a fault until ${graceMs / 1000} s after its end count as part of it. If the machine is too slow for all passwords that wait to be hashed, their queue is full and the answer is a 503. The fault does not cause these, so they have a column of their own. No answer may take over ${slowMs / 1000} s.

${faultsTable(run)}

## Requests

${routesTable(counters)}

## Emails

${emailLines(run)}

## Redis loses all data

\`FLUSHALL\` at the end: of ${flushed.sessions} sessions ${flushed.lost} were lost, as documented. ${flushed.signedIn ? 'Signing in works' : 'Signing in does NOT work'} again at once${flushed.mailed ? ', and an email arrived.' : '; the email did NOT arrive.'}

## Memory

${memoryTable(run)}

## Other events

${details(run) || 'None.'}
`
}

export const write = (file: URL | string, text: string): Promise<void> => writeFile(file, text)
