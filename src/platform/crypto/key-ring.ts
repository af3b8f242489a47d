import type { PublicKey, SecretKey } from './paseto-keys.ts'

/** A key is published before it signs, and kept until the last token that it signed has expired. */
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
  /** The key to sign with. It is published. Throws an outage without such a key. */
  signing: () => { kid: string; secret: SecretKey }
  published: () => PublishedKey[]
  /** The key with this id. An unknown id may be a new key of another instance, so it is looked up, but not often. */
  find: (kid: string) => PublicKey | Promise<PublicKey | null>
  /** As `find`, but the last known key while Postgres does not answer: for requests that must work without it. */
  findLast: (kid: string) => PublicKey | Promise<PublicKey | null>
  /** How many seconds ago this process read the keys. */
  unreadSeconds: () => number
}
