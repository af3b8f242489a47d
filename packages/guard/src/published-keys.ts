import { decode } from './base64url.ts'
import type { CheckSignature } from './read-signed.ts'

/** A key as `/.well-known/paseto-keys` publishes it. Other members are ignored. */
export type PublishedKey = { readonly kid: string; readonly paserk: string }

/** A published key that WebCrypto can use. */
export type VerifyKey = PublishedKey & {
  readonly handle: Awaited<ReturnType<typeof crypto.subtle.importKey>>
}

/** The keys by their ids. */
export type Keys = ReadonlyMap<string, VerifyKey>

const kidShape = /^k4\.pid\.[A-Za-z0-9_-]{44}$/
const paserkShape = /^k4\.public\.([A-Za-z0-9_-]{43})$/

/** The 32 bytes of a PASERK `k4.public`; null for keys of other versions and purposes, and for damaged ones. */
const publicBytes = (paserk: unknown): Uint8Array<ArrayBuffer> | null => {
  const text = typeof paserk === 'string' ? paserkShape.exec(paserk)?.[1] : undefined
  return text === undefined ? null : decode(text)
}

/** Whether a published entry is a key of an access token. */
const isPublicKey = (entry: unknown): entry is PublishedKey => {
  const { kid, paserk } = (entry ?? {}) as Partial<PublishedKey>
  return typeof kid === 'string' && kidShape.test(kid) && publicBytes(paserk) !== null
}

/** The readable keys of a published list. A new kind of key beside them must not stop a guard that is older than it. */
export const readPublishedKeys = (list: unknown): PublishedKey[] => {
  const keys = Array.isArray(list) ? list.filter(isPublicKey) : []
  if (keys.length === 0) throw new TypeError('no key is a k4.public key with a k4.pid id')
  return keys.map(({ kid, paserk }) => ({ kid, paserk }))
}

const algorithm = { name: 'Ed25519' }

const importKey = async ({ kid, paserk }: PublishedKey): Promise<VerifyKey> => {
  const bytes = publicBytes(paserk) ?? new Uint8Array()
  return { kid, paserk, handle: await crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify']) }
}

/**
 * Imports published keys and skips those that WebCrypto refuses. A key that is already known stays the same object, so that
 * its verified tokens stay in the cache.
 */
export const importKeys = async (published: readonly PublishedKey[], known: Keys): Promise<Keys> => {
  const imported = await Promise.allSettled(
    published.map(key => {
      const same = known.get(key.kid)
      return same?.paserk === key.paserk ? same : importKey(key)
    }),
  )
  const keys = imported.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = imported.find(result => result.status === 'rejected')
  if (keys.length === 0) throw new TypeError('no key can be imported', { cause: failed?.reason })
  return new Map(keys.map(key => [key.kid, key]))
}

/** Checks an Ed25519 signature with WebCrypto. */
export const checkSignature: CheckSignature<VerifyKey> = (key, bytes, signature) =>
  crypto.subtle.verify(algorithm, key.handle, signature, bytes)
