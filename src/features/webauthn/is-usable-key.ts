import { type AsymmetricKeyDetails, createPublicKey, type JsonWebKey } from 'node:crypto'
import { encode } from '../../platform/base/base64url.ts'

/** A COSE key (RFC 9052): its members by number. */
type CoseKey = { get: (label: never) => unknown }

const bytes = (value: unknown): string => (value instanceof Uint8Array ? encode(value) : '')

// The labels of a COSE key: 1 type, 3 algorithm, -1 curve or n, -2 x or e, -3 y.
const jwkOf = (member: (label: number) => unknown): JsonWebKey | null => {
  const [kty, alg, curve] = [member(1), member(3), member(-1)]
  const [first, second, third] = [bytes(member(-1)), bytes(member(-2)), bytes(member(-3))]
  if (kty === 1 && alg === -8 && curve === 6) return { kty: 'OKP', crv: 'Ed25519', x: second }
  if (kty === 2 && alg === -7 && curve === 1) return { kty: 'EC', crv: 'P-256', x: second, y: third }
  return kty === 3 && alg === -257 ? { kty: 'RSA', n: first, e: second } : null
}

// FIPS 186-5, section 5.4. With an exponent of 1 anyone could sign, and a long one would make each signature costly to verify.
const isUsableRsa = ({ modulusLength = 0, publicExponent: e = 0n }: AsymmetricKeyDetails): boolean =>
  modulusLength >= 2048 && e % 2n === 1n && e > 2n ** 16n && e < 2n ** 256n

/**
 * Whether a public key is one of its algorithm that can verify signatures. Without attestation a registration has no
 * signature, so a key that is cut off, or not on its curve, would be found at the first sign-in, when it is too late.
 */
export const isUsableKey = (key: CoseKey): boolean => {
  const jwk = jwkOf(label => key.get(label as never))
  if (!jwk) return false
  try {
    const { asymmetricKeyDetails = {} } = createPublicKey({ key: jwk, format: 'jwk' })
    return jwk.kty !== 'RSA' || isUsableRsa(asymmetricKeyDetails)
  } catch {
    return false
  }
}
