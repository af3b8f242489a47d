// PASETO v4.public only: one version and one purpose, so that no token can choose its algorithm.
//
// Cheap checks come before the signature: length, shape, canonical base64url (a token has one spelling) and the footer,
// which is compared as bytes and never parsed.
import { decode } from './base64url.ts'

/** The parts of a token. Nothing in it is authentic before its signature is checked. */
export type SignedToken = {
  /** The id of the key, from the footer. */
  readonly kid: string
  readonly message: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array<ArrayBuffer>
  readonly footer: Uint8Array<ArrayBuffer>
}

/** The longest access token that is read. */
export const maxTokenLength = 4096

const header = 'v4.public.'
const tokenShape = /^v4\.public\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{82})$/
const footerShape = /^\{"kid":"(k4\.pid\.[A-Za-z0-9_-]{44})"\}$/
const signatureLength = 64

const utf8 = new TextEncoder()
const headerBytes = utf8.encode(header)
const nothing = new Uint8Array(0)

/** Reads the parts of a token, or returns null if it does not have the shape of one that Latchkey signs. */
export const parseToken = (token: string, maxLength = maxTokenLength): SignedToken | null => {
  if (typeof token !== 'string' || token.length > maxLength) return null
  const [, body = '', tail = ''] = tokenShape.exec(token) ?? []
  const footer = decode(tail)
  const kid = footer && footerShape.exec(String.fromCharCode(...footer))?.[1]
  const payload = decode(body)
  if (!kid || !payload || payload.length <= signatureLength) return null
  const end = payload.length - signatureLength
  return { kid, footer, message: payload.slice(0, end), signature: payload.slice(end) }
}

/** Pre-authentication encoding of PASETO: no piece can pass as a part of its neighbour. */
export const encodePieces = (pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const length = pieces.reduce((sum, piece) => sum + 8 + piece.length, 8)
  const encoded = new Uint8Array(length)
  const view = new DataView(encoded.buffer)
  view.setUint32(0, pieces.length, true)
  let at = 8
  for (const piece of pieces) {
    view.setUint32(at, piece.length, true)
    encoded.set(piece, at + 8)
    at += 8 + piece.length
  }
  return encoded
}

/**
 * The bytes that the signature of a token covers. The implicit assertion names the purpose: it is empty for access tokens,
 * and a token that is signed for one purpose does not pass for another.
 */
export const signedBytes = (
  { message, footer }: { message: Uint8Array; footer: Uint8Array },
  implicitAssertion: Uint8Array = nothing,
): Uint8Array<ArrayBuffer> => encodePieces([headerBytes, message, footer, implicitAssertion])
