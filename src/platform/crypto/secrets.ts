import { encode } from '../base/base64url.ts'
import type { AppSecrets } from '../config/app-secret.ts'
import { deriveKey, deriveMacKey } from './derive.ts'

/** Every key of one secret. A changed label would invalidate everything that its key protects. */
const deriveKeys = (appSecret: string) => ({
  /** Names the secret in stores, and reveals nothing about it. */
  id: encode(deriveKey(appSecret, 'secret id', 6)),
  refreshChain: deriveMacKey(appSecret, 'refresh chain'),
  refreshTag: deriveMacKey(appSecret, 'refresh tag'),
  mail: deriveMacKey(appSecret, 'mail proofs'),
  seal: deriveKey(appSecret, 'sealed signing keys'),
})

export type SecretKeys = ReturnType<typeof deriveKeys>

/**
 * The keys of every secret. Everything new derives from `current`. `all` begins with it, and holds the previous secrets too:
 * they still open what was made under them.
 */
export type Secrets = { current: SecretKeys; all: readonly SecretKeys[] }

export const deriveSecrets = ([first, ...previous]: AppSecrets): Secrets => {
  const current = deriveKeys(first)
  return { current, all: [current, ...previous.map(deriveKeys)] }
}

/** The keys of the secret with this id. Undefined if APP_SECRET does not list it. */
export const keysOfSecret = (secrets: Secrets, id: string | null): SecretKeys | undefined =>
  secrets.all.find(keys => keys.id === id)
