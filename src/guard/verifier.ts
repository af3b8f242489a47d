import { importPublic, type PublicKey } from '../platform/crypto/paseto.ts'
import { openTokenCheck } from '../platform/crypto/token-cache.ts'

/** What an access token says. Times are RFC 3339. */
export type Claims = Readonly<{
  iss: string
  aud: string
  sub: string
  sid: string
  email: string
  email_verified: boolean
  roles: readonly string[]
  name?: string
  lang?: string
  amr: readonly string[]
  auth_time: string
  iat: string
  exp: string
}>

/** Verifies a token. Throws where its key is not known and the issuer cannot be asked for it: that is no 401. */
export type Verifier = ((token: string) => Promise<Claims | 'expired' | 'invalid'>) & {
  readonly issuer: string
}

type Options = {
  /** `PUBLIC_URL` of the Latchkey that issues the tokens. */
  issuer: string
  /** Who the tokens are for; the issuer itself unless said. */
  audience?: string
  /** Seconds that the clocks of issuer and service may differ by; 30 unless said. */
  clockTolerance?: number
  /** Reads the published keys, by fetch from the issuer unless said. */
  readKeys?: () => Promise<{ kid: string; paserk: string }[]>
}

/** For a key that is not known, or after a failure: whoever makes up key ids must not make us ask for each. */
const rereadAfter = 10_000
/** For keys that are known: one that was withdrawn is not believed for ever. */
const refreshAfter = 300_000

const fetchKeys = async (issuer: string): Promise<{ kid: string; paserk: string }[]> => {
  const reply = await fetch(`${issuer}/.well-known/paseto-keys`, { signal: AbortSignal.timeout(5000) })
  if (!reply.ok) throw new Error(`${issuer} does not publish its keys: HTTP ${reply.status}`)
  const { keys } = (await reply.json()) as { keys: { kid: string; paserk: string }[] }
  return keys
}

type Keys = { find: (kid: string) => PublicKey | Promise<PublicKey | null> }

const openKeys = (readKeys: NonNullable<Options['readKeys']>): Keys => {
  let known = new Map<string, PublicKey>()
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | null = null
  let failed: { cause: unknown } | null = null

  const read = async (): Promise<void> => {
    try {
      known = new Map((await readKeys()).map(({ kid, paserk }) => [kid, importPublic(paserk)]))
      failed = null
    } catch (cause) {
      failed = { cause }
    }
  }
  const readAgain = (): Promise<void> => {
    readAt = Date.now()
    reading ??= read().finally(() => {
      reading = null
    })
    return reading
  }

  const isDue = (after: number): boolean => Math.abs(Date.now() - readAt) > after
  const findNew = async (kid: string): Promise<PublicKey | null> => {
    if (reading || isDue(rereadAfter)) await (reading ?? readAgain())
    const key = known.get(kid)
    if (!key && failed) throw new Error('the keys of the issuer cannot be read', failed)
    return key ?? null
  }

  return {
    // Who brings a known key does not wait for the issuer.
    find: kid => {
      const key = known.get(kid)
      if (!key) return findNew(kid)
      if (isDue(failed ? rereadAfter : refreshAfter)) void readAgain()
      return key
    },
  }
}

/**
 * Verifies access tokens offline. Keys are fetched when one is not known, not oftener than every ten seconds, and every
 * five minutes besides. Those that are known go on serving while the issuer cannot be reached.
 */
export const createVerifier = (options: Options): Verifier => {
  const { issuer, audience = issuer, clockTolerance = 30, readKeys = () => fetchKeys(issuer) } = options
  const { find: findKey } = openKeys(readKeys)
  const check = openTokenCheck({ issuer, audience, clockTolerance, findKey })
  const verify = async (token: string): Promise<Claims | 'expired' | 'invalid'> => {
    const checked = await check(token, new Date())
    if (checked === 'invalid') return 'invalid'
    return checked.isExpired ? 'expired' : (checked.claims as unknown as Claims)
  }
  return Object.assign(verify, { issuer })
}
