import type { Counters, Failure, FailureKind } from '../test/chaos/counters.ts'
import type { EmailCounts } from '../test/chaos/outbox.ts'
import type { Memory } from '../test/chaos/service-process.ts'

// What must not happen in a soak, and how often it did.

/** When a fault began and ended, in milliseconds since the start. */
export type FaultSpan = { title: string; unnoticed: boolean; began: number; ended: number }

/** Failures for this long after a fault count as part of it. */
export const graceMs = 5000

export type Run = {
  counters: Counters
  spans: FaultSpan[]
  emails: EmailCounts
  memory: [name: string, memory: Memory][]
  errors: Map<string, number>
  versions: Record<string, string>
  loads: [string, string]
  minutes: number
  rate: number
  cost: string
  flushed: { sessions: number; lost: number; signedIn: boolean; mailed: boolean }
}

export const isIn = ({ began, ended }: FaultSpan, failure: Failure): boolean =>
  failure.ended >= began && failure.began <= ended + graceMs

export const kindOf = ({ busy }: Counters, { kind, id }: Failure): FailureKind =>
  busy.has(id) ? 'busy' : kind

/** Always listed, even with a count of 0. Any other violation gets a line of its own. */
const alwaysListed = [
  'sessions lost',
  'refusals of honest clients',
  '429 to honest clients',
  'successes of hostile clients',
  'answers over 5 s',
  'answers of 500 or another 5xx',
]

type Invariant = [what: string, times: number]

const ofRequests = ({ counters, spans }: Run): Invariant[] => {
  const during = (failure: Failure) => spans.filter(span => isIn(span, failure))
  const outside = counters.failures.filter(failure => during(failure).length === 0)
  const noticed = counters.failures.filter(
    failure => during(failure).length > 0 && during(failure).every(span => span.unnoticed),
  )
  const busy = (failures: Failure[]) => failures.filter(each => kindOf(counters, each) === 'busy').length
  return [
    ['requests that failed outside of a fault', outside.length - busy(outside)],
    ['requests that failed in a fault that clients must not notice', noticed.length - busy(noticed)],
    ['requests refused by a full hash queue at such times', busy(outside) + busy(noticed)],
  ]
}

const ofViolations = ({ counters: { violations } }: Run): Invariant[] =>
  [...new Set([...alwaysListed, ...violations.map(({ what }) => what)])].map(name => [
    name,
    violations.filter(({ what }) => what === name).length,
  ])

// An instance must log an error when it counts limits in memory because Redis is down.
const expectedErrors = /: limits are counted in memory/

const countOf = (errors: ReadonlyMap<string, number>): number =>
  [...errors].filter(([line]) => !expectedErrors.test(line)).reduce((sum, [, count]) => sum + count, 0)

/** Each count must be 0. */
export const invariants = (run: Run): Invariant[] => {
  const { emails, errors, flushed } = run
  return [
    ...ofRequests(run),
    ...ofViolations(run),
    ['emails queued and not delivered', emails.undelivered],
    ['emails given up', emails.failed],
    ['emails without a row in the outbox', emails.unknown],
    ['links that never reached a client that waited', emails.waiting],
    ['error lines in the log but those that a fault must cause', countOf(errors)],
    ['sessions that outlived FLUSHALL', flushed.sessions - flushed.lost],
    ['sign-ins and emails that failed after it', Number(!flushed.signedIn) + Number(!flushed.mailed)],
  ]
}

export const allHold = (run: Run): boolean => invariants(run).every(([, times]) => times === 0)
