import type { Answer } from './recorder.ts'

// What a long run counts: numbers, so that it needs no more memory than a short one. Times are milliseconds since its
// start.

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

/** The time below which this share of all times lies, 0 to 1. */
export const percentile = ({ counts, total, most }: Histogram, share: number): number => {
  let left = Math.ceil(total * share)
  for (const [bucket, count = 0] of counts.entries()) {
    left -= count
    if (left <= 0) return Math.min(0.1 * steps ** bucket, most)
  }
  return most
}

type RouteCounts = { statuses: Map<string, number>; times: Histogram }

/**
 * `unavailable`: 503. `busy`: 503 because the queue of password hashes was full. `lost`: no answer, or a 502 of the
 * balancer. `broken`: any other 5xx.
 */
export const failureKinds = ['unavailable', 'busy', 'lost', 'broken'] as const
export type FailureKind = (typeof failureKinds)[number]
export type Failure = { began: number; ended: number; kind: FailureKind; id: string }

export type Counters = {
  now: () => number
  routes: Map<string, RouteCounts>
  failures: Failure[]
  /** By second: how many requests began in it, and how long the slowest of them took. */
  seconds: { requests: number[]; slowest: number[] }
  /** What must not happen. */
  violations: { at: number; what: string; detail: string }[]
  /** What may happen, and is worth a line. */
  notes: Map<string, number>
  mailDelays: { queued: number[]; arrived: number[] }
  /** Requests that the log says a full queue of password hashes refused. */
  busy: Set<string>
  answered: (answer: Answer) => void
  violation: (what: string, detail?: string) => void
  note: (what: string) => void
}

/** A client does not wait longer than this for an answer, in milliseconds. */
export const slowMs = 5000

const failureOf = (status: number): FailureKind | null => {
  if (status === 503) return 'unavailable'
  if (status === 502 || status === 0) return 'lost'
  return status >= 500 ? 'broken' : null
}

export const openCounters = (): Counters => {
  const origin = performance.now()
  const now = () => performance.now() - origin
  const seconds: Counters['seconds'] = { requests: [], slowest: [] }
  const counters: Counters = {
    ...{ now, seconds, routes: new Map(), failures: [], violations: [], notes: new Map(), busy: new Set() },
    mailDelays: { queued: [], arrived: [] },
    answered: ({ actor, method, route: path, status: code, code: reason, ms, requestId: id }) => {
      const ended = now()
      const began = ended - ms
      const route = `${actor === 'hostile' ? 'hostile ' : ''}${method} ${path}`
      const status = String(code || reason)
      const known = counters.routes.get(route) ?? {
        statuses: new Map(),
        times: { counts: [], total: 0, most: 0 },
      }
      counters.routes.set(route, known)
      known.statuses.set(status, (known.statuses.get(status) ?? 0) + 1)
      observe(known.times, ms)
      const second = Math.floor(began / 1000)
      seconds.requests[second] = (seconds.requests[second] ?? 0) + 1
      seconds.slowest[second] = Math.max(seconds.slowest[second] ?? 0, ms)
      const kind = failureOf(code)
      if (kind) counters.failures.push({ began, ended, kind, id })
      if (kind === 'broken') counters.violation('answers of 500 or another 5xx', `${status} ${route}`)
      if (ms > slowMs)
        counters.violation('answers over 5 s', `${route}: ${status} after ${(ms / 1000).toFixed(1)} s`)
    },
    violation: (what, detail = '') => {
      counters.violations.push({ at: now(), what, detail })
      process.stderr.write(`${(now() / 1000).toFixed(1)} s  ${what}: ${detail}\n`)
    },
    note: what => {
      counters.notes.set(what, (counters.notes.get(what) ?? 0) + 1)
    },
  }
  return counters
}
