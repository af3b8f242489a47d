import { randomBytes } from 'node:crypto'
import { decode, encode } from '../../platform/base/base64url.ts'

/** The tokens of one kind of challenge: a prefix that names the kind, and the 256 random bits that its client holds. */
export const challengeToken = (prefix: string) => ({
  newSecret: (): Buffer => randomBytes(32),
  write: (secret: Uint8Array): string => prefix + encode(secret),
  /** The secret of a token; null for any other text. */
  read: (text: string): Buffer | null => {
    const secret = text.startsWith(prefix) ? decode(text.slice(prefix.length)) : null
    return secret?.length === 32 ? secret : null
  },
})
