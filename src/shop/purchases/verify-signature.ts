import { isUtf8 } from 'node:buffer'
import { Webhook } from 'standardwebhooks'

/** The headers of a signed event, unparsed. The gateway sends them as `svix-…` or `webhook-…`. */
export type SignedHeaders = {
  id: string | undefined
  timestamp: string | undefined
  signature: string | undefined
}

// The library accepts `123abc` as a number and `v1,<signature>,more` as a signature. It joins the signed parts with dots, so
// an id must contain none.
const idShape = /^[!-\-/-~]{1,200}$/
const timestampShape = /^[1-9]\d{0,11}$/
const signatureShape = /^v1,[A-Za-z0-9+/]{43}=$/
const maxSignatures = 16

/**
 * Whether one of these secrets signed exactly these bytes, less than five minutes ago by the clock of this machine.
 * Signatures are compared in constant time.
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export const verifySignature = (
  secrets: readonly string[],
  { id = '', timestamp = '', signature = '' }: SignedHeaders,
  body: Uint8Array,
): boolean => {
  if (!idShape.test(id) || !timestampShape.test(timestamp) || !isUtf8(body)) return false
  const signatures = signature
    .split(' ')
    .slice(0, maxSignatures)
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
