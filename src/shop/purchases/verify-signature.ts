import { isUtf8 } from 'node:buffer'
import { Webhook } from 'standardwebhooks'

/** The headers of a signed event, by either of their names, as they came. */
export type SignedHeaders = {
  id: string | undefined
  timestamp: string | undefined
  signature: string | undefined
}

// The library takes `123abc` for a number and `v1,<signature>,more` for a signature, and the text that is signed is joined
// by dots.
const idShape = /^[!-\-/-~]{1,200}$/
const timestampShape = /^[1-9]\d{0,11}$/
const signatureShape = /^v1,[A-Za-z0-9+/]{43}=$/
const signaturesAtMost = 16

/**
 * Whether one of these secrets signed exactly these bytes, less than five minutes ago by the clock of this machine:
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. The comparison takes the
 * same time wherever two signatures differ.
 */
export const verifySignature = (
  secrets: readonly string[],
  { id = '', timestamp = '', signature = '' }: SignedHeaders,
  body: Uint8Array,
): boolean => {
  if (!idShape.test(id) || !timestampShape.test(timestamp) || !isUtf8(body)) return false
  const signatures = signature
    .split(' ')
    .slice(0, signaturesAtMost)
    .filter(each => signatureShape.test(each))
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  }
  return secrets.some(secret => verifies(secret, headers, Buffer.from(body).toString()))
}

const verifies = (secret: string, headers: Record<string, string>, body: string): boolean => {
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false })
    return true
  } catch {
    return false
  }
}
