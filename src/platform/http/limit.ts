import type { Deps } from '../../deps.ts'
import { type Limit, type LimitedBy, limits } from '../catalog/limits.ts'
import { Problem } from '../catalog/problems.ts'
import type { Counter, Limiter, Quota, Taken } from '../limits/limiter.ts'
import { type Client, countersOf } from './client.ts'

/** Whose limits are taken. */
export type Caller = { client: Pick<Client, 'network'>; sessionId?: string }

const byCaller: { [K in LimitedBy]?: (caller: Caller) => string | Counter[] } = {
  ip: ({ client }) => countersOf(client.network),
  session: ({ sessionId = '' }) => sessionId,
  // A thief who holds the same session is elsewhere: what they use up is not the owner's.
  'session and ip': ({ sessionId = '', client }) => `${sessionId}@${client.network}`,
}

/** What the limits of one request came to. */
export type TakenLimits = {
  headers: Record<string, string>
  refusal: Problem<'RATE_LIMIT_EXCEEDED'> | null
  /** What can be given back. */
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

/** The refusal of a request that some of its limits do not let through. */
export const limitRefusal = (quotas: readonly Quota[]): Problem<'RATE_LIMIT_EXCEEDED'> => {
  const waits = quotas.filter(({ allowed }) => !allowed).map(({ resetIn }) => seconds(resetIn))
  return new Problem('RATE_LIMIT_EXCEEDED', {
    retryAfter: Math.max(1, ...waits),
    headers: limitHeaders(quotas),
  })
}

/**
 * A limiter that remembers what one request takes. A fault is no reason to be refused later: its client asks again and
 * again, as it is told to, and must not run out of points by that. Guesses at a password or a code count elsewhere too.
 */
export const remembering = (limiter: Limiter): { limiter: Limiter; giveBack: () => Promise<void> } => {
  const all: Promise<Taken | null>[] = []
  const back = async (each: Promise<Taken | null>): Promise<void> => {
    const taken = await each
    if (taken?.allowed) await taken.giveBack()
  }
  return {
    limiter: (limit, key) => {
      const taken = limiter(limit, key)
      all.push(taken)
      return taken
    },
    giveBack: async () => {
      await Promise.allSettled(all.map(back))
    },
  }
}

/** Gives points back, where they were counted, and tells what is left then. A fault in it is no reason to fail. */
export const giveBack = (taken: readonly Taken[]): Promise<Taken[]> =>
  Promise.all(
    taken.map(async each => {
      if (!each.allowed) return each
      return each.giveBack().then(
        () => ({ ...each, remaining: each.remaining + 1 }),
        () => each,
      )
    }),
  )

/**
 * Takes a point from each limit of a caller before anything is looked at, so that parallel guesses cannot slip through
 * together. A request that one limit refuses does no work, so it costs no point of the others. Returns the headers to
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
  return { headers: {}, refusal: limitRefusal(await giveBack(taken)), taken: [] }
}

/** Refuses a token of a session that is over, and counts it like a forged one: by the address of the caller. */
export const refuseEnded = async (
  deps: Pick<Deps, 'limiter'>,
  client: Client,
): Promise<Problem<'RATE_LIMIT_EXCEEDED' | 'INVALID_REFRESH_TOKEN'>> => {
  const { refusal, headers } = await takeLimits(deps, [limits.anonymous], { client })
  return refusal ?? new Problem('INVALID_REFRESH_TOKEN', { headers })
}
