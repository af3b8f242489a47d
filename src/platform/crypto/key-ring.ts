import type { PublicKey, SecretKey } from './paseto.ts'

/** Published ahead of its use, signing, then kept for as long as tokens that it signed may live. */
export type KeyStatus = 'published' | 'signing' | 'retiring' | 'retired'

/** A signing key as resource servers see it. */
export type PublishedKey = {
  kid: string
  /** PASERK `k4.public`. */
  public_key: string
  status: KeyStatus
  not_before: Date
  not_after: Date | null
}

/** The signing keys of the service. */
export type KeyRing = {
  signing: () => { kid: string; secret: SecretKey }
  published: () => PublishedKey[]
  /** The key of this id. An id never seen may be a new key of another instance: the ring is read again for it, but not often. */
  find: (kid: string) => PublicKey | Promise<PublicKey | null>
}
