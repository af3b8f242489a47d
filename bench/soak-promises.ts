import type { MailTally } from './soak-outbox.ts'
import type { Memory } from './soak-processes.ts'
import type { Failure, FailureKind, Tally } from './soak-tally.ts'

// What must not be, and how often it was.

/** When a fault began and when it was healed, in milliseconds since the start. */
export type Struck = { title: string; unfelt: boolean; began: number; healed: number }

/** What still fails after a fault was healed belongs to it for as long. */
export const grace = 5000

export type Run = {
  tally: Tally
  struck: Struck[]
  mails: MailTally
  memory: [name: string, memory: Memory][]
  errors: Map<string, number>
  versions: Record<string, string>
  loads: [string, string]
  minutes: number
  rate: number
  cost: string
  flushed: { sessions: number; lost: number; signedIn: boolean; mailed: boolean }
}

export const isIn = ({ began, healed }: Struck, failure: Failure): boolean =>
  failure.ended >= began && failure.began <= healed + grace

export const kindOf = ({ busy }: Tally, { kind, id }: Failure): FailureKind => (busy.has(id) ? 'busy' : kind)

/** Counted by themselves, also where there are none. Whatever else was seen to be wrong gets a line of its own. */
const named = [
  'sessions lost',
  'refusals of honest clients',
  '429 to honest clients',
  'successes of hostile clients',
  'answers over 5 s',
  'answers that are a fault of ours',
]

type Promised = [what: string, times: number]

const ofRequests = ({ tally, struck }: Run): Promised[] => {
  const during = (failure: Failure) => struck.filter(fault => isIn(fault, failure))
  const outside = tally.failures.filter(failure => during(failure).length === 0)
  const unfelt = tally.failures.filter(
    failure => during(failure).length > 0 && during(failure).every(fault => fault.unfelt),
  )
  const busy = (failures: Failure[]) => failures.filter(each => kindOf(tally, each) === 'busy').length
  return [
    ['requests that failed outside of a fault', outside.length - busy(outside)],
    ['requests that failed by a fault that clients must not feel', unfelt.length - busy(unfelt)],
    ['requests refused by a full hash queue at such times', busy(outside) + busy(unfelt)],
  ]
}

const ofWrongs = ({ tally: { wrongs } }: Run): Promised[] =>
  [...new Set([...named, ...wrongs.map(({ what }) => what)])].map(name => [
    name,
    wrongs.filter(({ what }) => what === name).length,
  ])

// That it counts in memory while Redis is gone is what an instance must tell loudly.
const told = /: limits are counted in memory/

const countOf = (errors: ReadonlyMap<string, number>): number =>
  [...errors].filter(([line]) => !told.test(line)).reduce((sum, [, count]) => sum + count, 0)

/** Every line must say 0. */
export const promises = (run: Run): Promised[] => {
  const { mails, errors, flushed } = run
  return [
    ...ofRequests(run),
    ...ofWrongs(run),
    ['mails owed and not delivered', mails.undelivered],
    ['mails given up', mails.failed],
    ['mails that nobody was owed', mails.stray],
    ['links that never reached a client who waited', mails.waiting],
    ['error lines in the log but those that tell of a fault', countOf(errors)],
    ['sessions that outlived FLUSHALL', flushed.sessions - flushed.lost],
    ['sign-ins and mails that failed after it', Number(!flushed.signedIn) + Number(!flushed.mailed)],
  ]
}

export const holds = (run: Run): boolean => promises(run).every(([, times]) => times === 0)
