import { deriveKey, deriveMacKey } from './derive.ts'

export type Secrets = ReturnType<typeof deriveSecrets>

/** Every key that derives from APP_SECRET. A changed label would invalidate everything that its key protects. */
export const deriveSecrets = (appSecret: string) => ({
  refreshChain: deriveMacKey(appSecret, 'refresh chain'),
  refreshTag: deriveMacKey(appSecret, 'refresh tag'),
  mail: deriveMacKey(appSecret, 'mail proofs'),
  seal: deriveKey(appSecret, 'sealed signing keys'),
})
