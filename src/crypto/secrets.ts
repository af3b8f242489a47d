import { deriveKey } from './derive.ts'

export type Secrets = ReturnType<typeof deriveSecrets>

/** Every key that derives from APP_SECRET, by its label. */
export const deriveSecrets = (appSecret: string) => ({
  refreshChain: deriveKey(appSecret, 'refresh chain'),
  refreshTag: deriveKey(appSecret, 'refresh tag'),
  mail: deriveKey(appSecret, 'mail proofs'),
  seal: deriveKey(appSecret, 'sealed signing keys'),
})
