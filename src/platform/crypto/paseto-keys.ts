// Ed25519 keys in the text format PASERK (https://github.com/paseto-standard/paserk).
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { blake2b } from '@noble/hashes/blake2.js'
import { decode, encode } from '../base/base64url.ts'

export type PublicKey = { readonly type: 'public'; readonly kid: string; readonly handle: KeyObject }
export type SecretKey = { readonly type: 'secret'; readonly kid: string; readonly handle: KeyObject }

/** Generates an Ed25519 key pair as PASERK texts, with its id. The caller must seal the secret key before it stores it. */
export const generateKey = (): { kid: string; paserkPublic: string; paserkSecret: string } => {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const paserkPublic = `k4.public.${x}`
  const both = Buffer.concat([Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')])
  return { kid: keyId(paserkPublic), paserkPublic, paserkSecret: `k4.secret.${encode(both)}` }
}

/** The PASERK id (`k4.pid.…`, 51 characters) of a `k4.public.…` key. Throws if it is not one. */
export const keyId = (paserkPublic: string): string => {
  material(paserkPublic, 'k4.public.', 32)
  // node:crypto has only the 64-byte BLAKE2b. The 33-byte one is another hash, not a part of it.
  return `k4.pid.${encode(blake2b(Buffer.from(`k4.pid.${paserkPublic}`), { dkLen: 33 }))}`
}

/** The public key of a `k4.public.…` text. Throws if the text is not one. */
export const importPublic = (paserk: string): PublicKey => {
  const x = encode(material(paserk, 'k4.public.', 32))
  const handle = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return { type: 'public', kid: keyId(paserk), handle }
}

/** The secret key of a `k4.secret.…` text. Throws, without repeating the text, if it is not one. */
export const importSecret = (paserk: string): SecretKey => {
  const both = material(paserk, 'k4.secret.', 64)
  const [d, x] = [encode(both.subarray(0, 32)), encode(both.subarray(32))]
  const handle = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x }, format: 'jwk' })
  // Signatures with a public half that does not belong to the secret half would leak the secret.
  if (createPublicKey(handle).export({ format: 'jwk' }).x !== x) throw new TypeError('not a k4.secret. key')
  return { type: 'secret', kid: keyId(`k4.public.${x}`), handle }
}

const material = (paserk: string, header: string, length: number): Buffer => {
  const bytes = paserk.startsWith(header) ? decode(paserk.slice(header.length)) : null
  if (bytes?.length !== length) throw new TypeError(`not a ${header} key`)
  return bytes
}
