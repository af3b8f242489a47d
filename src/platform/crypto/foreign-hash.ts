// Password hashes that other systems made, in the PHC string format and in passlib's
// (https://github.com/P-H-C/phc-string-format, https://passlib.readthedocs.io/en/stable/modular_crypt_format.html).
//
// They come from an import file, and each names its own cost. A hash that costs an hour or all memory would block a thread
// for every sign-in. So the parser is strict, and refuses hashes above a limit.
import { argon2Sync, pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto'

type Bytes = { salt: Buffer; hash: Buffer }
type Argon2 = { kind: 'argon2id' | 'argon2i' | 'argon2d'; memory: number; passes: number; lanes: number }
type Scrypt = { kind: 'scrypt'; logN: number; blockSize: number; lanes: number }
type Pbkdf2 = { kind: 'pbkdf2'; digest: 'sha1' | 'sha256' | 'sha512'; iterations: number }

/** A parsed hash. Argon2's `memory` is in KiB. */
export type ForeignHash = (Argon2 | Scrypt | Pbkdf2) & Bytes

const kib = 1024
const gib = kib * kib * kib
/** The bytes of one output block of each digest. */
export const digestBytes = { sha1: 20, sha256: 32, sha512: 64 }

const count = (name: string) => `(?<${name}>[1-9][0-9]{0,8})`
const saltAndHash = '\\$(?<salt>[A-Za-z0-9+/]{1,100})\\$(?<hash>[A-Za-z0-9+/]{1,100})$'
const argon2Costs = `m=${count('memory')},t=${count('passes')},p=${count('lanes')}`
const argon2Shape = new RegExp(`^\\$(?<kind>argon2(?:id|i|d))\\$v=19\\$${argon2Costs}${saltAndHash}`)
const scryptShape = new RegExp(
  `^\\$scrypt\\$ln=${count('logN')},r=${count('blockSize')},p=${count('lanes')}${saltAndHash}`,
)
const pbkdf2Costs = `i=${count('iterations')}(?:,l=${count('length')})?`
const pbkdf2Shape = new RegExp(`^\\$pbkdf2-(?<digest>sha1|sha256|sha512)\\$${pbkdf2Costs}${saltAndHash}`)
// passlib omits SHA-1, writes the rounds without a name, and writes "." for "+" (and reads both).
const passlibSaltAndHash = saltAndHash.replaceAll('+', '+.')
const passlibShape = new RegExp(
  `^\\$pbkdf2(?:-(?<digest>sha256|sha512))?\\$${count('iterations')}${passlibSaltAndHash}`,
)

/**
 * Parses argon2 (version 1.3), scrypt or PBKDF2 with a salt of 8 to 64 and a hash of 16 to 64 bytes. Returns null for
 * another text, for one that is not in canonical form, and above these limits:
 *
 * - argon2: 128 MiB, 16 passes, 16 lanes, 512 MiB over all passes
 * - scrypt: 128 MiB, 16 lanes, 512 MiB over all lanes
 * - PBKDF2: 2 million iterations over all blocks
 */
export const readForeignHash = (text: string): ForeignHash | null =>
  readArgon2(text) ?? readScrypt(text) ?? readPbkdf2(text)

const readArgon2 = (text: string): ForeignHash | null => {
  const found = argon2Shape.exec(text)?.groups
  const bytes = readBytes(found)
  if (!found || !bytes) return null
  const [memory, passes, lanes] = [Number(found.memory), Number(found.passes), Number(found.lanes)]
  if (memory > gib / 8 / kib || passes > 16 || lanes > 16) return null
  if (memory < 8 * lanes || memory * passes > gib / 2 / kib) return null
  return { kind: found.kind as Argon2['kind'], memory, passes, lanes, ...bytes }
}

// N must be below 2^(16 r): RFC 7914, section 2.
const readScrypt = (text: string): ForeignHash | null => {
  const found = scryptShape.exec(text)?.groups
  const bytes = readBytes(found)
  if (!found || !bytes) return null
  const [logN, blockSize, lanes] = [Number(found.logN), Number(found.blockSize), Number(found.lanes)]
  const memory = 128 * blockSize * 2 ** logN
  if (memory > gib / 8 || lanes > 16 || memory * lanes > gib / 2 || logN >= 16 * blockSize) return null
  return { kind: 'scrypt', logN, blockSize, lanes, ...bytes }
}

const readPbkdf2 = (text: string): ForeignHash | null => {
  const found = (pbkdf2Shape.exec(text) ?? passlibShape.exec(text))?.groups
  const bytes = readBytes(found)
  if (!found || !bytes) return null
  const digest = (found.digest ?? 'sha1') as Pbkdf2['digest']
  const iterations = Number(found.iterations)
  if (found.length !== undefined && Number(found.length) !== bytes.hash.length) return null
  const read = { kind: 'pbkdf2', digest, iterations, ...bytes } as const
  return pbkdf2Units(read) > 2_000_000 ? null : read
}

/** The iterations over all blocks: each block of the output costs all iterations (RFC 8018, section 5.2). */
export const pbkdf2Units = ({ iterations, hash, digest }: Pbkdf2 & Bytes): number =>
  iterations * Math.ceil(hash.length / digestBytes[digest])

const readBytes = (found: Record<string, string> | undefined): Bytes | null => {
  const [salt, hash] = [fromBase64(found?.salt), fromBase64(found?.hash)]
  if (!salt || salt.length < 8 || salt.length > 64) return null
  return hash && hash.length >= 16 && hash.length <= 64 ? { salt, hash } : null
}

// Accepts no padding, and only zeros in the unused bits of the last character.
const fromBase64 = (text = ''): Buffer | null => {
  const plain = text.replaceAll('.', '+')
  const bytes = Buffer.from(plain, 'base64')
  return bytes.toString('base64').replace(/=+$/, '') === plain ? bytes : null
}

/**
 * Whether the password has this hash. Blocks this thread for as long as the hash costs, and throws if memory runs out.
 *
 * Other systems hashed the password as typed, so it is tried as typed and in NFC: another keyboard may type a
 * letter and its accent as two characters. Nothing is cut or hashed before.
 */
export const matchesForeignHash = (password: string, foreign: ForeignHash): boolean => {
  const forms = new Set([password, password.normalize('NFC')])
  return [...forms].some(form => timingSafeEqual(derive(Buffer.from(form), foreign), foreign.hash))
}

const derive = (message: Buffer, foreign: ForeignHash): Buffer => {
  const { salt, hash } = foreign
  if (foreign.kind === 'pbkdf2')
    return pbkdf2Sync(message, salt, foreign.iterations, hash.length, foreign.digest)
  if (foreign.kind === 'scrypt') {
    const { logN, blockSize: r, lanes: p } = foreign
    const maxmem = 128 * r * (2 ** logN + p + 2)
    return scryptSync(message, salt, hash.length, { N: 2 ** logN, r, p, maxmem })
  }
  const { kind, memory, passes, lanes: parallelism } = foreign
  return argon2Sync(kind, { message, nonce: salt, memory, passes, parallelism, tagLength: hash.length })
}
