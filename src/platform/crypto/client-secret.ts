import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { v7 as uuid } from 'uuid'
import { sha256 } from './derive.ts'

// A secret is `lks_`, 43 letters and digits (256 bits), and a checksum of six: CRC-32 of what is before it. So a secret
// scanner recognizes it without a request, and so does a person who copied it incompletely.

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

const base62 = (number: bigint, length: number): string => {
  let [rest, text] = [number, '']
  for (let at = 0; at < length; at++) {
    text = alphabet.charAt(Number(rest % 62n)) + text
    rest /= 62n
  }
  return text
}

const checksum = (text: string): string => base62(BigInt(crc32(text)), 6)

/** A new secret. Only its hash is stored. */
export const newSecret = (): string => {
  const text = `lks_${base62(BigInt(`0x${randomBytes(32).toString('hex')}`), 43)}`
  return text + checksum(text)
}

/** Whether a text has the form of a secret and its checksum. */
export const isSecret = (text: string): boolean =>
  /^lks_[0-9A-Za-z]{49}$/.test(text) && checksum(text.slice(0, -6)) === text.slice(-6)

/** The beginning of a secret, by which lists and commands name it. */
export const secretPrefix = (secret: string): string => secret.slice(0, 12)

/** The hash that Postgres holds in place of a secret. */
export const secretHash = (secret: string): string => sha256(secret).toString('base64url')

/** A new id of a client. Ids sort by the time of their creation. */
export const newClientId = (): string => `lkc_${uuid().replaceAll('-', '')}`

/** The form of the id of a client. */
export const clientIdShape = /^lkc_[0-9a-f]{32}$/
