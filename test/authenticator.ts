import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

// An authenticator in software, for tests. Each part of an answer can be changed to what an attacker would send.

type Cbor = number | string | Uint8Array | Map<number | string, Cbor>

const header = (major: number, value: number): Buffer => {
  if (value < 24) return Buffer.from([(major << 5) | value])
  if (value < 256) return Buffer.from([(major << 5) | 24, value])
  return Buffer.from([(major << 5) | 25, value >> 8, value & 255])
}

/** CBOR (RFC 8949) of the few types that authenticators use. */
export const cbor = (value: Cbor): Buffer => {
  if (typeof value === 'number') return value < 0 ? header(1, -1 - value) : header(0, value)
  if (typeof value === 'string')
    return Buffer.concat([header(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Map)
    return Buffer.concat([header(5, value.size), ...[...value].flat().map(part => cbor(part))])
  return Buffer.concat([header(2, value.length), value])
}

export type Algorithm = -8 | -7 | -257

const hash = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest()
const bytes = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url')
const text = (data: Uint8Array): string => Buffer.from(data).toString('base64url')

const newKey = (algorithm: Algorithm) => {
  if (algorithm === -8) return generateKeyPairSync('ed25519')
  if (algorithm === -7) return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
}

const coseKey = (key: KeyObject, algorithm: number): Map<number, Cbor> => {
  const { kty, x, y, n, e } = key.export({ format: 'jwk' })
  if (kty === 'OKP')
    return new Map<number, Cbor>([
      [1, 1],
      [3, algorithm],
      [-1, 6],
      [-2, bytes(x)],
    ])
  if (kty === 'EC')
    return new Map<number, Cbor>([
      [1, 2],
      [3, algorithm],
      [-1, 1],
      [-2, bytes(x)],
      [-3, bytes(y)],
    ])
  return new Map<number, Cbor>([
    [1, 3],
    [3, algorithm],
    [-1, bytes(n)],
    [-2, bytes(e)],
  ])
}

/** What an answer says. By default it is right: a user who was present and verified, at a key that is not synchronised. */
export type Answer = {
  origin?: string
  rpId?: string
  type?: string
  challenge?: string
  /** More members of `clientDataJSON`. */
  client?: Record<string, unknown>
  /** UP 1, UV 4, BE 8, BS 16, AT 64. */
  flags?: number
  counter?: number
  /** The algorithm that the public key names. */
  algorithm?: number
  fmt?: string
  attStmt?: Map<string, Cbor>
  userHandle?: string | null
  /** Changes the data of the authenticator before it is signed. */
  data?: (data: Buffer) => Buffer
  /** Changes the signature. */
  signature?: (signature: Buffer) => Buffer
  /** Changes the attestation object. */
  attestation?: (object: Buffer) => Buffer
  id?: string
}

type Given = { challenge: string; origin?: string }

const upUv = 1 | 4

/** A passkey in software, of one algorithm. */
export const newAuthenticator = ({
  algorithm = -7 as Algorithm,
  origin = 'http://latchkey.test',
  rpId = 'latchkey.test',
} = {}) => {
  const { publicKey, privateKey } = newKey(algorithm)
  const credentialId = randomBytes(32)
  let userId = ''

  const clientDataJSON = (type: string, { challenge }: Given, answer: Answer): Buffer =>
    Buffer.from(
      JSON.stringify({
        type: answer.type ?? type,
        challenge: answer.challenge ?? challenge,
        origin: answer.origin ?? origin,
        crossOrigin: false,
        ...answer.client,
      }),
    )

  const authenticatorData = (answer: Answer, flags: number): Buffer => {
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(answer.counter ?? 0)
    return Buffer.concat([hash(answer.rpId ?? rpId), Buffer.from([answer.flags ?? flags]), counter])
  }

  return {
    id: text(credentialId),
    /** `toJSON()` of the credential that `navigator.credentials.create` returns. */
    create: (options: { challenge: string; user: { id: string } }, answer: Answer = {}) => {
      userId = options.user.id
      const client = clientDataJSON('webauthn.create', options, answer)
      const length = Buffer.from([0, credentialId.length])
      const key = cbor(coseKey(publicKey, answer.algorithm ?? algorithm))
      const flags = (answer.flags ?? upUv) | 64
      const start = authenticatorData({ ...answer, flags }, flags)
      const data = Buffer.concat([start, Buffer.alloc(16), length, credentialId, key])
      const object = cbor(
        new Map<string, Cbor>([
          ['fmt', answer.fmt ?? 'none'],
          ['attStmt', answer.attStmt ?? new Map()],
          ['authData', answer.data?.(data) ?? data],
        ]),
      )
      const id = answer.id ?? text(credentialId)
      return {
        ...{ id, rawId: id, type: 'public-key' },
        response: {
          clientDataJSON: text(client),
          attestationObject: text(answer.attestation?.(object) ?? object),
          transports: ['internal', 'hybrid'],
          // Members that browsers send and the service does not need.
          ...{ authenticatorData: text(data), publicKeyAlgorithm: algorithm },
          publicKey: text(publicKey.export({ type: 'spki', format: 'der' })),
        },
        ...{ authenticatorAttachment: 'platform', clientExtensionResults: { credProps: { rk: true } } },
      }
    },
    /** `toJSON()` of the credential that `navigator.credentials.get` returns. */
    get: (options: Given, answer: Answer = {}) => {
      const client = clientDataJSON('webauthn.get', options, answer)
      const plain = authenticatorData(answer, upUv)
      const data = answer.data?.(plain) ?? plain
      const signed = sign(algorithm === -8 ? null : 'sha256', Buffer.concat([data, hash(client)]), privateKey)
      const id = answer.id ?? text(credentialId)
      const handle = answer.userHandle === undefined ? userId : answer.userHandle
      return {
        ...{ id, rawId: id, type: 'public-key' },
        response: {
          clientDataJSON: text(client),
          authenticatorData: text(data),
          signature: text(answer.signature?.(signed) ?? signed),
          userHandle: handle,
        },
        ...{ authenticatorAttachment: 'platform', clientExtensionResults: {} },
      }
    },
  }
}

export type Authenticator = ReturnType<typeof newAuthenticator>
