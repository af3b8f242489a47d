import { writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { grace, holds, isIn, kindOf, promises, type Run, type Struck } from './soak-promises.ts'
import { type Failure, failureKinds, share, slowest, type Tally } from './soak-tally.ts'

// What a run has shown, in Markdown, and whether that is what the service promises.

export const load = (): string => loadavg()[0]?.toFixed(1) ?? ''

const table = (head: string[], rows: (string | number)[][]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(1)

const counted = (counts: Map<string, number>): string =>
  [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ')

const routesTable = ({ routes }: Tally): string =>
  table(
    ['Request', 'count', 'p50, ms', 'p99, ms', 'most, ms', 'answers'],
    [...routes]
      .sort(
        ([a], [b]) => Number(a.startsWith('hostile')) - Number(b.startsWith('hostile')) || a.localeCompare(b),
      )
      .map(([route, { statuses, times }]) => [
        ...[route, times.total, share(times, 0.5).toFixed(1), share(times, 0.99).toFixed(0)],
        ...[times.most.toFixed(0), counted(statuses)],
      ]),
  )

const kindsOf = (tally: Tally, failures: Failure[]): string[] =>
  failureKinds.map(kind => String(failures.filter(failure => kindOf(tally, failure) === kind).length))

const between = <T>(list: T[], from: number, to: number): T[] =>
  list.slice(Math.floor(from / 1000), Math.ceil(to / 1000) + 1)

const faultRow = ({ tally, mails }: Run, fault: Struck): string[] => {
  const { title, began, healed } = fault
  const failures = tally.failures.filter(failure => isIn(fault, failure))
  const felt = failures.filter(failure => kindOf(tally, failure) !== 'busy')
  const last = Math.max(0, ...felt.map(({ began: at }) => at - healed))
  const window = (list: number[]) => between(list, began, healed + grace)
  const requests = window(tally.seconds.requests).reduce((sum, count = 0) => sum + count, 0)
  const late = mails.delivered.filter(
    ({ owed, came }) => owed >= began - 1000 && owed <= healed && came > healed,
  )
  const lastMail = Math.max(0, ...late.map(({ came }) => came - healed))
  return [
    ...[title, seconds(began), seconds(healed - began), String(requests), ...kindsOf(tally, failures)],
    felt.length === 0 ? '–' : last <= 0 ? 'at once' : `${seconds(last)} s`,
    `${seconds(Math.max(0, ...window(tally.seconds.slowest).map(most => most ?? 0)))} s`,
    late.length === 0 ? '–' : `${late.length} by ${seconds(lastMail)} s`,
  ]
}

const faultsTable = (run: Run): string => {
  const outside = run.tally.failures.filter(failure => !run.struck.some(fault => isIn(fault, failure)))
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
        'last failure after healing',
      ],
      ...['slowest answer', 'mails that waited'],
    ],
    [
      ...run.struck.map(fault => faultRow(run, fault)),
      ['_outside_', '', '', '', ...kindsOf(run.tally, outside), '', '', ''],
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

const details = ({ tally: { wrongs, notes }, errors }: Run): string => {
  const lines = wrongs.slice(0, 50).map(({ at, what, detail }) => `- ${seconds(at)} s, ${what}: ${detail}`)
  const seen = [...notes, ...errors].map(([what, count]) => `- ${what}: ${count}`)
  return [...lines, ...seen].join('\n')
}

const mailLines = ({ mails }: Run): string =>
  `${mails.owed} mails were owed, ${mails.sent} of them delivered; ${mails.twice} came more than once, as at-least-once delivery may. ${mails.dropped} rows were dropped: a later mail had taken their place, or their proof was spent. From the change to the mail server: median ${seconds(mails.median)} s, 99 % within ${seconds(mails.p99)} s, all within ${seconds(mails.most)} s, waits for a broken mail server included.`

export const markdown = (run: Run): string => {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() || 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}`
  const versions = Object.entries(run.versions).map(([name, version]) => `${name} ${version}`)
  const { tally, flushed } = run
  const count = [...tally.routes.values()].reduce((sum, { times }) => sum + times.total, 0)
  return `# Soak

Two API processes behind a balancer, two workers, a Postgres, a Redis and a mail server; honest clients and hostile
ones, and every fault once. \`npm run bench:soak\` does it again.

${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC; ${run.minutes} minutes, ${run.rate} visits begun each second, ${count} requests; BCRYPT_COST=${run.cost}. Load of the machine ${run.loads.join(' before, ')} after. ${machine}; ${versions.join(', ')}.

**${holds(run) ? 'Every promise was kept.' : 'NOT every promise was kept.'}**

${table(['What must not be', 'times'], promises(run))}

## Faults

What fails from the beginning of a fault until ${grace / 1000} s after it was healed counts as its own. Where the machine has not the time for all the passwords that are to be hashed, their queue is full and the answer a 503: that is no part of the fault, and shown apart. An answer over ${slowest / 1000} s is one too many anywhere.

${faultsTable(run)}

## Requests

${routesTable(tally)}

## Mails

${mailLines(run)}

## Redis forgets everything

After the course, \`FLUSHALL\`: of ${flushed.sessions} sessions ${flushed.lost} were lost, as is documented. ${flushed.signedIn ? 'Signing in works' : 'Signing in does NOT work'} again at once${flushed.mailed ? ', and a mail came.' : '; the mail did NOT come.'}

## Memory

${memoryTable(run)}

## Worth a line

${details(run) || 'Nothing.'}
`
}

export const write = (file: URL | string, text: string): Promise<void> => writeFile(file, text)
