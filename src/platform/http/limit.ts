import type { Deps } from '../../deps.ts'
import { type Limit, type LimitedBy, limits } from '../catalog/limits.ts'
import { Problem } from '../catalog/problems.ts'
import type { Counter, Limiter, Quota, Taken } from '../limits/limiter.ts'
import { type Client, countersOf } from './client.ts'

/** The caller whose limits are counted. */
export type Caller = { client: Pick<Client, 'network'>; sessionId?: string; machineId?: string }

const byCaller: { [K in LimitedBy]?: (caller: Caller) => string | Counter[] } = {
  ip: ({ client }) => countersOf(client.network),
  session: ({ sessionId = '' }) => sessionId,
  client: ({ machineId = '' }) => machineId,
  // By network too, so that a thief of the session cannot use up the points of its owner.
  'session and ip': ({ sessionId = '', client }) => `${sessionId}@${client.network}`,
}

/** The result of the limits of one request. */
export type TakenLimits = {
  headers: Record<string, string>
  refusal: Problem<'RATE_LIMIT_EXCEEDED'> | null
  /** Points that can be refunded. */
  taken: readonly Taken[]
}

const seconds = (milliseconds: number): number => Math.ceil(milliseconds / 1000)

/** draft-ietf-httpapi-ratelimit-headers: structured fields, one member for each policy. */
export const limitHeaders = (quotas: readonly Quota[]): Record<string, string> =>
  quotas.length === 0
    ? {}
    : {
        'RateLimit-Policy': quotas.map(q => `"${q.name}";q=${q.points};w=${seconds(q.window)}`).join(', '),
        RateLimit: quotas.map(q => `"${q.name}";r=${q.remaining};t=${seconds(q.resetIn)}`).join(', '),
      }

/** The problem of a request that exceeds at least one of its limits. */
export const limitRefusal = (quotas: readonly Quota[]): Problem<'RATE_LIMIT_EXCEEDED'> => {
  const waits = quotas.filter(({ allowed }) => !allowed).map(({ resetIn }) => seconds(resetIn))
  return new Problem('RATE_LIMIT_EXCEEDED', {
    retryAfter: Math.max(1, ...waits),
    headers: limitHeaders(quotas),
  })
}

/**
 * A limiter that records the points that one request takes, so that they can be refunded if a store fails. Otherwise a
 * client that retries, as the 503 tells it to, would run out of points. Guesses at a password or a code are counted
 * elsewhere too.
 */
export const refundableLimiter = (limiter: Limiter): { limiter: Limiter; refundAll: () => Promise<void> } => {
  const requested: Promise<Taken | null>[] = []
  const refund = async (pending: Promise<Taken | null>): Promise<void> => {
    const taken = await pending
    if (taken?.allowed) await taken.refund()
  }
  return {
    limiter: (limit, key) => {
      const taken = limiter(limit, key)
      requested.push(taken)
      return taken
    },
    refundAll: async () => {
      await Promise.allSettled(requested.map(refund))
    },
  }
}

/** Refunds the points that were counted and returns the new quotas. An error in a refund is ignored. */
export const refundEach = (taken: readonly Taken[]): Promise<Taken[]> =>
  Promise.all(
    taken.map(async limit => {
      if (!limit.allowed) return limit
      return limit.refund().then(
        () => ({ ...limit, remaining: limit.remaining + 1 }),
        () => limit,
      )
    }),
  )

/**
 * Takes a point from each limit of a caller before the request is processed, so that simultaneous guesses cannot pass
 * together. A request that one limit refuses does no work, so it costs no point of the other limits. Returns the headers to
 * send, and the refusal if there is one.
 */
export const takeLimits = async (
  deps: Pick<Deps, 'limiter'>,
  limits: readonly Limit[],
  caller: Caller,
): Promise<TakenLimits> => {
  const counted = limits.map(limit => {
    const keyOf = byCaller[limit.by]
    return keyOf ? deps.limiter(limit, keyOf(caller)) : null
  })
  const taken = (await Promise.all(counted)).filter(t => t !== null)
  if (taken.every(({ allowed }) => allowed)) return { headers: limitHeaders(taken), refusal: null, taken }
  return { headers: {}, refusal: limitRefusal(await refundEach(taken)), taken: [] }
}

/** Refuses a token of an ended session, and counts it like a forged one: by the network of the caller. */
export const refuseEndedSession = async (
  deps: Pick<Deps, 'limiter'>,
  client: Client,
): Promise<Problem<'RATE_LIMIT_EXCEEDED' | 'INVALID_REFRESH_TOKEN'>> => {
  const { refusal, headers } = await takeLimits(deps, [limits.anonymous], { client })
  return refusal ?? new Problem('INVALID_REFRESH_TOKEN', { headers })
}
