import type { Deps } from '../../deps.ts'
import { configError } from '../../platform/config/config.ts'
import type { KeyRing } from '../../platform/crypto/key-ring.ts'
import type { PublicKey } from '../../platform/crypto/paseto-keys.ts'
import { buildRing, type Ring } from './build-ring.ts'
import type { SigningKeyRow } from './entity.ts'
import { raiseTokenLife, readPublishedKeys } from './store.ts'
import { keyTimes } from './types.ts'

type Needs = Pick<Deps, 'config' | 'database' | 'reads' | 'secrets' | 'log'>

const statesOf = ({ published }: Ring): string =>
  published.map(({ kid, status }) => `${kid} ${status}`).join(', ')

// Keys are polled rather than announced by NOTIFY: a poll needs no connection of its own, works behind PgBouncer, and a
// process that missed a change for any reason knows it a second later.

/**
 * Reads the signing keys, and then every second. Disposing stops that.
 *
 * Keys that were not read for two seconds verify no token: one of them may be retired by now. A process that was stopped, or
 * whose event loop was blocked, reads them first. While Postgres does not answer, that fails as the request would anyway.
 */
export const openKeyRing = async (deps: Needs): Promise<KeyRing & Disposable> => {
  const { log } = deps
  let ring: Ring | null = null
  let text = ''
  /** When the query began that `ring` is from: a change that was committed later is not in it. */
  let readAt = Number.NEGATIVE_INFINITY
  let lookedUpAt = Number.NEGATIVE_INFINITY
  let failure: { cause: unknown } | null = null
  let reading: Promise<void> | null = null

  const follow = (rows: SigningKeyRow[]): Ring => {
    const newText = JSON.stringify(rows)
    if (ring && newText === text) return ring
    const next = buildRing(rows, ring, deps)
    const states = statesOf(next)
    if (ring && states !== statesOf(ring)) log.info({ keys: states }, 'signing keys changed')
    if (ring && next.fault) log.error({ reason: next.fault }, 'this process cannot sign with the current key')
    text = newText
    return next
  }

  // A key retires only after the longest-lived token of any process. A read-only Postgres must not stop this process.
  const recordTokenLife = async (rows: SigningKeyRow[]): Promise<void> => {
    const life = deps.config.ACCESS_TOKEN_TTL / 1000
    if (rows.every(({ status, token_life }) => status === 'retiring' || token_life >= life)) return
    await raiseTokenLife(deps, life).catch(err => log.debug({ err }, 'the life of tokens was not recorded'))
  }

  const attempt = async (): Promise<void> => {
    const startedAt = performance.now()
    try {
      const rows = await readPublishedKeys(deps.reads)
      ring = follow(rows)
      readAt = startedAt
      await recordTokenLife(rows)
      if (failure) log.info('signing keys can be read again')
      failure = null
    } catch (cause) {
      if (ring && !failure) log.warn({ err: cause }, 'signing keys cannot be read: the last ones stay in use')
      failure = { cause }
    }
  }
  // Never rejects. One read at a time, so that no reads pile up while Postgres hangs.
  const read = (): Promise<void> => {
    reading ??= attempt().finally(() => {
      reading = null
    })
    return reading
  }

  const isCurrent = (): boolean => performance.now() - readAt < keyTimes.longestUnread

  const findLater = async (kid: string): Promise<PublicKey | null> => {
    if (!isCurrent()) await read()
    const isLookupDue = performance.now() - lookedUpAt > keyTimes.unknownKey
    if (!failure && !ring?.known.has(kid) && isLookupDue) {
      lookedUpAt = performance.now()
      await read()
    }
    // The key may be new, or retired. Only Postgres knows, and a fault must become neither a 401 nor a pass.
    if (failure) throw failure.cause
    return ring?.known.get(kid) ?? null
  }

  await read()
  const opened = ring as Ring | null
  if (!opened) throw (failure as { cause: unknown } | null)?.cause
  // A restart does not help if APP_SECRET lacks the secret of the key.
  const isUnreadable = opened.published.some(({ status }) => status === 'signing')
  if (opened.fault) throw isUnreadable ? configError(opened.fault) : new Error(opened.fault)
  const timer = setInterval(() => void read(), keyTimes.poll).unref()

  return {
    signing: () => {
      if (ring?.signing) return ring.signing
      throw Object.assign(new Error(ring?.fault ?? 'There is no signing key.'), {
        code: 'ERR_NO_SIGNING_KEY',
      })
    },
    published: () => ring?.published ?? [],
    find: kid => {
      const key = ring?.known.get(kid)
      return key && isCurrent() ? key : findLater(kid)
    },
    findLast: kid => ring?.known.get(kid) ?? findLater(kid),
    unreadSeconds: () => Math.floor((performance.now() - readAt) / 1000),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
