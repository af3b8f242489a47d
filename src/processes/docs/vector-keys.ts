import { createPrivateKey, createPublicKey } from 'node:crypto'
import { encode } from '../../platform/base/base64url.ts'
import { signMessage } from '../../platform/crypto/paseto.ts'
import { importSecret, keyId, type SecretKey } from '../../platform/crypto/paseto-keys.ts'

/** A key of the test vectors. */
export type VectorKey = { kid: string; paserk: string; secret: SecretKey }

/** An Ed25519 seed becomes a key of node:crypto only in an envelope: this is the beginning of PKCS #8. */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The key whose seed is 32 times this byte, so that the vectors never change. */
export const vectorKey = (byte: number): VectorKey => {
  const seed = Buffer.alloc(32, byte)
  const handle = createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(handle).export({ format: 'jwk' })
  const secret = importSecret(`k4.secret.${encode(Buffer.concat([seed, Buffer.from(x, 'base64url')]))}`)
  return { kid: keyId(`k4.public.${x}`), paserk: `k4.public.${x}`, secret }
}

/** Signs claims, or a text in place of them. `kid` is the name in the footer, `purpose` the implicit assertion. */
export const signVector = (
  message: Readonly<Record<string, unknown>> | string,
  { by, kid = by.kid, purpose = '' }: { by: VectorKey; kid?: string; purpose?: string },
): string => {
  const text = typeof message === 'string' ? message : JSON.stringify(message)
  return signMessage(by.secret, Buffer.from(text), Buffer.from(`{"kid":"${kid}"}`), Buffer.from(purpose))
}
