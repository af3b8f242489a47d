// What the soak remembers: numbers, so that a long one needs no more memory than a short one. Times are milliseconds
// since its start.

const steps = 1.02
const bucketOf = (milliseconds: number): number =>
  Math.max(0, Math.ceil(Math.log(Math.max(milliseconds, 0.1) / 0.1) / Math.log(steps)))

/** Times in buckets that are 2 % apart. */
export type Histogram = { counts: number[]; total: number; most: number }

const observe = (histogram: Histogram, milliseconds: number): void => {
  const bucket = bucketOf(milliseconds)
  histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1
  histogram.total++
  histogram.most = Math.max(histogram.most, milliseconds)
}

export const emptyHistogram = (): Histogram => ({ counts: [], total: 0, most: 0 })

/** The time below which a share of all lies, 0 to 1. */
export const share = ({ counts, total, most }: Histogram, part: number): number => {
  let left = Math.ceil(total * part)
  for (const [bucket, count = 0] of counts.entries()) {
    left -= count
    if (left <= 0) return Math.min(0.1 * steps ** bucket, most)
  }
  return most
}

export type RouteTally = { statuses: Map<string, number>; times: Histogram }

/**
 * `unavailable`: 503. `busy`: the same, where it was the queue for password hashes that was full. `lost`: no answer, or
 * the balancer's word that there is none. `broken`: any other 5xx.
 */
export const failureKinds = ['unavailable', 'busy', 'lost', 'broken'] as const
export type FailureKind = (typeof failureKinds)[number]
export type Failure = { began: number; ended: number; kind: FailureKind; id: string }

export type Wrong = { at: number; what: string; detail: string }

export type Tally = {
  now: () => number
  routes: Map<string, RouteTally>
  failures: Failure[]
  /** Requests by the second that they began in, and how long the slowest of them took. */
  seconds: { requests: number[]; slowest: number[] }
  /** What must not be. */
  wrongs: Wrong[]
  /** What may be, and is worth a line. */
  notes: Map<string, number>
  mailDelays: { owed: number[]; came: number[] }
  /** `id` is that of the request, where there was an answer. */
  answered: (route: string, status: string, began: number, id?: string) => void
  /** The requests that a full queue for password hashes refused, as the log tells. */
  busy: Set<string>
  wrong: (what: string, detail?: string) => void
  note: (what: string) => void
}

/** An answer later than this is none that somebody waited for. */
export const slowest = 5000

const kindOf = (status: string): FailureKind | null => {
  if (status === '503') return 'unavailable'
  if (status === '502' || !/^\d+$/.test(status)) return 'lost'
  return status.startsWith('5') ? 'broken' : null
}

export const openTally = (): Tally => {
  const origin = performance.now()
  const now = () => performance.now() - origin
  const tally: Tally = {
    now,
    routes: new Map(),
    failures: [],
    seconds: { requests: [], slowest: [] },
    wrongs: [],
    notes: new Map(),
    mailDelays: { owed: [], came: [] },
    busy: new Set(),
    answered: (route, status, began, id = '') => {
      const ended = now()
      const known = tally.routes.get(route) ?? { statuses: new Map(), times: emptyHistogram() }
      tally.routes.set(route, known)
      known.statuses.set(status, (known.statuses.get(status) ?? 0) + 1)
      observe(known.times, ended - began)
      const second = Math.floor(began / 1000)
      const { requests, slowest: most } = tally.seconds
      requests[second] = (requests[second] ?? 0) + 1
      most[second] = Math.max(most[second] ?? 0, ended - began)
      const kind = kindOf(status)
      if (kind) tally.failures.push({ began, ended, kind, id })
      if (kind === 'broken') tally.wrong('answers that are a fault of ours', `${status} ${route}`)
      if (ended - began > slowest)
        tally.wrong('answers over 5 s', `${route}: ${status} after ${((ended - began) / 1000).toFixed(1)} s`)
    },
    wrong: (what, detail = '') => {
      tally.wrongs.push({ at: now(), what, detail })
      process.stderr.write(`${(now() / 1000).toFixed(1)} s  ${what}: ${detail}\n`)
    },
    note: what => {
      tally.notes.set(what, (tally.notes.get(what) ?? 0) + 1)
    },
  }
  return tally
}
