import type { LimitedBy, LimitName } from '../base/limits.ts'
import { Problem } from '../base/problems.ts'
import { sha256 } from '../crypto/derive.ts'
import type { Deps } from '../deps.ts'
import type { Limiter, Taken } from '../storage/limiter.ts'

/** What the requests of one limit are counted under. */
export type LimitKeys = { [K in Exclude<LimitedBy, 'proof' | 'user'>]?: string | undefined }

/**
 * Of one route alone: a mail that is not sent, since nobody is to be told, must not use up another one that is. An
 * address in a key would be personal data where it does not belong.
 */
export const recipientKey = (path: string, email: string): string =>
  sha256(`${path}\n${email}`).toString('base64url').slice(0, 22)

const seconds = (milliseconds: number): number => Math.ceil(milliseconds / 1000)

// draft-ietf-httpapi-ratelimit-headers: structured fields, one member for each policy.
const headersOf = (taken: Taken[]): Record<string, string> =>
  taken.length === 0
    ? {}
    : {
        'RateLimit-Policy': taken.map(t => `"${t.name}";q=${t.points};w=${seconds(t.window)}`).join(', '),
        RateLimit: taken
          .map(t => `"${t.name}";r=${Math.max(t.remaining, 0)};t=${seconds(t.resetIn)}`)
          .join(', '),
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
    limiter: (name, key) => {
      const taken = limiter(name, key)
      all.push(taken)
      return taken
    },
    giveBack: async () => {
      await Promise.allSettled(all.map(back))
    },
  }
}

/**
 * Takes a point from each limit before anything is looked at, so that parallel guesses cannot slip through
 * together. Returns the headers to send, and the refusal if there is one.
 */
export const takeLimits = async (
  deps: Pick<Deps, 'limiter'>,
  limits: readonly { name: LimitName; key: string }[],
): Promise<{ headers: Record<string, string>; refusal: Problem<'RATE_LIMIT_EXCEEDED'> | null }> => {
  const taken = (await Promise.all(limits.map(({ name, key }) => deps.limiter(name, key)))).filter(
    t => t !== null,
  )
  const refused = taken.filter(t => !t.allowed)
  const retryAfter = Math.max(1, ...refused.map(t => seconds(t.resetIn)))
  const refusal = refused.length > 0 ? new Problem('RATE_LIMIT_EXCEEDED', { retryAfter }) : null
  return { headers: headersOf(taken), refusal }
}
