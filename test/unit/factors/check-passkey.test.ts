import test from 'ava'
import fc from 'fast-check'
import type { Deps } from '../../../src/deps.ts'
import { checkPasskey } from '../../../src/features/factors/check-passkey.ts'
import { readClientData } from '../../../src/features/webauthn/ceremony.ts'
import { verifyAssertion } from '../../../src/features/webauthn/verify-assertion.ts'
import { verifyNewPasskey } from '../../../src/features/webauthn/verify-new-passkey.ts'
import { redisKeys } from '../../../src/platform/redis/keys.ts'
import { newAuthenticator } from '../../authenticator.ts'

const config = { PUBLIC_URL: 'http://latchkey.test', WEBAUTHN_ORIGINS: [] as string[] } as Deps['config']
const challenge = Buffer.alloc(32, 7).toString('base64url')
const user = { id: Buffer.alloc(16, 1).toString('base64url') }
const ceremony = {
  name: 'second_step',
  userId: '01010101-0101-0101-0101-010101010101',
  binding: 'b',
} as const

const aPasskey = async () => {
  const authenticator = newAuthenticator()
  const made = await verifyNewPasskey(config, challenge, authenticator.create({ challenge, user }) as never)
  if (!made) throw new Error('the registration was refused')
  const passkey = {
    ...{ id: 'f', user_id: ceremony.userId, credential_id: authenticator.id, sign_count: '0' },
    ...{ public_key: made.publicKey.toString('base64url'), transports: [], backup_eligible: false },
  }
  return { authenticator, passkey }
}

/** Dependencies with stores that answer these things, or fail. */
const depsOf = (
  redis: () => Promise<unknown>,
  reads: () => Promise<unknown>,
): Parameters<typeof checkPasskey>[0] =>
  ({
    ...{ config, keys: redisKeys('t'), redis: { sendCommand: redis }, reads: { run: reads } },
    ...{ log: { warn: () => {} }, metrics: { count: () => {} } },
  }) as never

const stored = async () => [
  'ceremony',
  ceremony.name,
  'user_id',
  ceremony.userId,
  'binding',
  ceremony.binding,
]

test('Redis or Postgres fails → the error reaches the caller, so that the reply is 503 and not 401', async t => {
  const { authenticator, passkey } = await aPasskey()
  const credential = authenticator.get({ challenge }) as never
  const check = (deps: Parameters<typeof checkPasskey>[0]) => checkPasskey(deps, ceremony, credential)
  t.like(await check(depsOf(stored, async () => [passkey])), { isUserVerified: true })
  const down = () => Promise.reject(new Error('down'))
  await t.throwsAsync(check(depsOf(down, async () => [passkey])), { message: 'down' })
  await t.throwsAsync(check(depsOf(stored, down)), { message: 'down' })
})

const bytes = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map(each => Buffer.from(each).toString('base64url'))

test('random answers of an authenticator → null, never an error', async t => {
  const { authenticator, passkey } = await aPasskey()
  const right = authenticator.get({ challenge })
  const made = authenticator.create({ challenge, user })
  const randomPart = fc.record({ part: fc.nat(), at: fc.nat(), value: fc.nat(255), random: bytes(400) })
  await fc.assert(
    fc.asyncProperty(randomPart, async ({ part, at, value, random }) => {
      const changed = (text: string): string => {
        if (part % 3 === 0) return random
        const copy = Buffer.from(text, 'base64url')
        copy[at % copy.length] = value
        return copy.toString('base64url')
      }
      const { authenticatorData, signature, clientDataJSON } = right.response
      const data = changed(authenticatorData)
      const response = { clientDataJSON, authenticatorData: data, signature }
      const signed = await verifyAssertion(config, {
        ...{ challenge, passkey },
        credential: { ...right, type: 'public-key', response },
      })
      const { attestationObject } = made.response
      const object = changed(attestationObject)
      const registered = {
        clientDataJSON: made.response.clientDataJSON,
        attestationObject: object,
        transports: [],
      }
      await verifyNewPasskey(config, challenge, { ...made, type: 'public-key', response: registered })
      return signed === null || data === authenticatorData
    }),
    { numRuns: 300 },
  )
  t.pass()
})

test('any client data → a challenge of 32 bytes or null', t => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), text => {
      const data = readClientData(Buffer.from(text).toString('base64url'))
      return data === null || Buffer.from(data.challenge, 'base64url').length === 32
    }),
  )
  t.pass()
})
