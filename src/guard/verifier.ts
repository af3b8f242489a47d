import { openTokenCheck } from '../platform/crypto/paseto.ts'
import { importPublic, type PublicKey } from '../platform/crypto/paseto-keys.ts'

/** The claims of an access token. Times are in RFC 3339. */
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

/** Verifies a token. Throws if its key is unknown and the issuer cannot be reached, since that must not become a 401. */
export type Verifier = ((token: string) => Promise<Claims | 'expired' | 'invalid'>) & {
  readonly issuer: string
}

type Options = {
  /** The `PUBLIC_URL` of the Latchkey instance that issues the tokens. */
  issuer: string
  /** The audience of the tokens. Default: the issuer. */
  audience?: string
  /** By how many seconds the clocks of issuer and service may differ. Default: 30. */
  clockTolerance?: number
  /** Reads the published keys. Default: a fetch from the issuer. */
  readKeys?: () => Promise<{ kid: string; paserk: string }[]>
}

/**
 * The shortest time between two fetches for an unknown key, or after a failure. Otherwise an attacker with invented key ids
 * could cause a fetch for each request.
 */
const unknownKeyMs = 10_000
/** The age at which known keys are fetched again, so that a withdrawn key stops working. */
const refreshMs = 300_000

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

  const isDue = (ageMs: number): boolean => Math.abs(Date.now() - readAt) > ageMs
  const findNew = async (kid: string): Promise<PublicKey | null> => {
    if (reading || isDue(unknownKeyMs)) await (reading ?? readAgain())
    const key = known.get(kid)
    if (!key && failed) throw new Error('the keys of the issuer cannot be read', failed)
    return key ?? null
  }

  return {
    // A request with a known key never waits for the issuer.
    find: kid => {
      const key = known.get(kid)
      if (!key) return findNew(kid)
      if (isDue(failed ? unknownKeyMs : refreshMs)) void readAgain()
      return key
    },
  }
}

/**
 * Creates a verifier that checks access tokens offline. It fetches the keys every five minutes, and for an unknown key at
 * most every ten seconds. Known keys keep working while the issuer cannot be reached.
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
