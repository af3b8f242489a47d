import { randomBytes } from 'node:crypto'
import test from 'ava'
import { type Answer, cbor, newAuthenticator } from '../../authenticator.ts'
import type { Reply } from '../../client.ts'
import { anAccount } from '../../fixtures.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { openWorld } from '../../world.ts'
import { addPasskey, aPasskeyUser, creationOptions, requestOptions, signIn } from './passkey-user.ts'

// Every answer that an attacker can make to a ceremony. None signs in, none is an error of the server, and each uses up its
// challenge: the right answer to the same challenge is refused afterwards.

const world = await openWorld({ env: { METRICS_PORT: '0' } })
const { client, sql } = world
test.after.always(() => world[Symbol.asyncDispose]())

const flip = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1
  return copy
}

const cut = (bytes: Buffer): Buffer => bytes.subarray(0, -5)

/** The reply to a refused passkey, without what differs for each request. */
const refused = ({ status, body }: Reply) => {
  const { request_id, ...rest } = body
  return { status, ...rest }
}

const invalid = {
  status: 401,
  type: '/problems/invalid-passkey',
  title: 'The passkey was not accepted',
  code: 'INVALID_PASSKEY',
}

/** Changes that concern both ceremonies. */
const changes: Record<string, Answer> = {
  'another origin': { origin: 'http://evil.test' },
  'a subdomain of the origin': { origin: 'http://sub.latchkey.test' },
  'the origin with another port': { origin: 'http://latchkey.test:81' },
  'another relying party': { rpId: 'evil.test' },
  'a domain above the relying party': { rpId: 'test' },
  'another type': { type: 'payment.get' },
  'an unknown challenge': { challenge: randomBytes(32).toString('base64url') },
  'a challenge of 16 bytes': { challenge: randomBytes(16).toString('base64url') },
  'a page in a frame of another origin': { client: { crossOrigin: true } },
  'a page in a frame of a named origin': { client: { crossOrigin: true, topOrigin: 'http://evil.test' } },
  'no presence of the user': { flags: 4 },
  'a backup of a key that cannot be synchronised': { flags: 1 | 4 | 16 },
  'data of the authenticator that is cut off': { data: cut },
  'data of the authenticator with more bytes': { data: bytes => Buffer.concat([bytes, Buffer.from([0])]) },
  'extensions that are announced and missing': { flags: 1 | 4 | 128 },
  'the id of another credential': { id: randomBytes(32).toString('base64url') },
}

const keyOf = (entries: [number, number | Buffer][]) => cbor(new Map(entries))
const authDataOf = (bytes: Buffer, key: Buffer) => Buffer.concat([bytes.subarray(0, 87), key])

const registrations: Record<string, Answer> = {
  ...changes,
  'the type of a sign-in': { type: 'webauthn.get' },
  'an algorithm that is not in the list': { algorithm: -35 },
  'a public key without an algorithm': { data: bytes => authDataOf(bytes, keyOf([[1, 2]])) },
  'a public key that is not on its curve': {
    data: bytes =>
      authDataOf(
        bytes,
        keyOf([
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, randomBytes(32)],
          [-3, randomBytes(32)],
        ]),
      ),
  },
  'a public key of another type than its algorithm': {
    data: bytes =>
      authDataOf(
        bytes,
        keyOf([
          [1, 1],
          [3, -7],
          [-1, 6],
          [-2, randomBytes(32)],
        ]),
      ),
  },
  'an RSA key of 1024 bits': {
    data: bytes =>
      authDataOf(
        bytes,
        keyOf([
          [1, 3],
          [3, -257],
          [-1, Buffer.alloc(128, 255)],
          [-2, Buffer.from([1, 0, 1])],
        ]),
      ),
  },
  'an RSA key with the exponent 1': {
    data: bytes =>
      authDataOf(
        bytes,
        keyOf([
          [1, 3],
          [3, -257],
          [-1, Buffer.alloc(256, 255)],
          [-2, Buffer.from([1])],
        ]),
      ),
  },
  'an RSA key with an exponent of 2040 bits': {
    data: bytes =>
      authDataOf(
        bytes,
        keyOf([
          [1, 3],
          [3, -257],
          [-1, Buffer.alloc(256, 255)],
          [-2, Buffer.alloc(255, 127)],
        ]),
      ),
  },
  'a public key of 5000 bytes': {
    data: bytes =>
      authDataOf(
        bytes,
        keyOf([
          [1, 3],
          [3, -257],
          [-1, randomBytes(5000)],
          [-2, Buffer.from([1, 0, 1])],
        ]),
      ),
  },
  'CBOR that is cut off': { attestation: cut },
  'CBOR of another type': { attestation: () => cbor('none') },
  'CBOR with deep nesting': { attestation: () => Buffer.alloc(6000, 0x81) },
  'CBOR that announces 4 GB': { attestation: () => Buffer.from('5affffffff00', 'hex') },
  'no CBOR': { attestation: () => Buffer.from('{}') },
}

test('a changed answer to a registration → INVALID_PASSKEY, and its challenge is used up', async t => {
  const { access: token, userId } = await anAccount(client)
  for (const [change, answer] of Object.entries(registrations)) {
    const authenticator = newAuthenticator()
    const options = await creationOptions(client, token)
    const credential = authenticator.create(options, answer)
    t.deepEqual(refused(await client.post('factors/passkeys', { credential }, { token })), invalid, change)
    if (answer.challenge !== undefined) continue
    const again = authenticator.create(options)
    const { body } = await client.post('factors/passkeys', { credential: again }, { token })
    t.is(body.code, 'INVALID_PASSKEY', `${change}: the challenge is still good`)
  }
  t.deepEqual(await sql('SELECT 1 FROM factors WHERE user_id = $1', [userId]), [])
})

const assertions: Record<string, Answer> = {
  ...changes,
  'the type of a registration': { type: 'webauthn.create' },
  'another signature': { signature: flip },
  'an empty signature of one byte': { signature: () => Buffer.from([0]) },
  'a signature of 1500 bytes': { signature: () => randomBytes(1500) },
  'no user handle': { userHandle: null },
  'an empty user handle': { userHandle: '' },
  'the user handle of another user': { userHandle: randomBytes(16).toString('base64url') },
  'a key that can be synchronised, while the stored one cannot': { flags: 1 | 4 | 8 },
}

test('a changed answer to a sign-in → INVALID_PASSKEY, and its challenge is used up', async t => {
  const { authenticator } = await aPasskeyUser(client)
  for (const [change, answer] of Object.entries(assertions)) {
    const options = await requestOptions(client)
    const credential = authenticator.get(options, answer)
    t.deepEqual(refused(await client.post('login/passkey', { credential })), invalid, change)
    if (answer.challenge !== undefined) continue
    const again = authenticator.get(options)
    const { body } = await client.post('login/passkey', { credential: again })
    t.is(body.code, 'INVALID_PASSKEY', `${change}: the challenge is still good`)
  }
  t.is((await signIn(client, authenticator)).status, 200)
})

for (const algorithm of [-8, -257] as const)
  test(`another signature of a key of algorithm ${algorithm} → INVALID_PASSKEY`, async t => {
    const { authenticator } = await aPasskeyUser(client, { algorithm })
    for (const signature of [flip, cut, () => randomBytes(1500)])
      t.deepEqual(refused(await signIn(client, authenticator, { signature })), invalid)
    t.is((await signIn(client, authenticator)).status, 200)
  })

test('a body with a field that is too long, of another type or missing → VALIDATION_ERROR', async t => {
  const { authenticator, access: token } = await aPasskeyUser(client)
  const right = authenticator.get(await requestOptions(client))
  const responses = [
    { signature: 'A'.repeat(2049) },
    { authenticatorData: 'A'.repeat(2049) },
    { clientDataJSON: 'A'.repeat(4097) },
    { userHandle: 'A'.repeat(87) },
    { signature: 'a+b' },
    { signature: undefined },
    { authenticatorData: 7 },
  ]
  const bodies = [
    ...responses.map(response => ({ ...right, response: { ...right.response, ...response } })),
    ...[{ id: 'A'.repeat(1365) }, { id: '' }, { type: 'password' }, { response: null }].map(part => ({
      ...right,
      ...part,
    })),
  ]
  for (const credential of bodies)
    t.is((await client.post('login/passkey', { credential })).body.code, 'VALIDATION_ERROR')
  const made = newAuthenticator().create(await creationOptions(client, token))
  for (const response of [
    { attestationObject: 'A'.repeat(8193) },
    { transports: ['usb\0'] },
    { transports: Array(17).fill('usb') },
  ]) {
    const credential = { ...made, response: { ...made.response, ...response } }
    t.is((await client.post('factors/passkeys', { credential }, { token })).body.code, 'VALIDATION_ERROR')
  }
  t.is((await client.post('login/passkey', { credential: right })).status, 200)
})

test('client data that is no JSON of a ceremony → INVALID_PASSKEY', async t => {
  const { authenticator } = await aPasskeyUser(client)
  const right = authenticator.get(await requestOptions(client))
  for (const data of ['', 'null', '[]', '7', '{"challenge":{}}', '{"challenge":"a b"}', '\u{FEFF}{']) {
    const clientDataJSON = Buffer.from(data).toString('base64url') || 'A'
    const credential = { ...right, response: { ...right.response, clientDataJSON } }
    t.deepEqual(refused(await client.post('login/passkey', { credential })), invalid, data)
  }
})

test('an attestation statement with a certificate → ignored, and nothing is fetched', async t => {
  const { access: token } = await anAccount(client)
  const attStmt = new Map<string, Buffer | number>([
    ['alg', -7],
    ['sig', randomBytes(70)],
    ['x5c', randomBytes(500)],
  ])
  for (const fmt of ['packed', 'fido-u2f', 'tpm', 'unknown'])
    t.is((await addPasskey(client, token, newAuthenticator(), { fmt, attStmt })).status, 201)
})

test('the challenge of another user, session or ceremony → INVALID_PASSKEY', async t => {
  const user = await aPasskeyUser(client)
  const other = await aPasskeyUser(client)
  const fresh = newAuthenticator()
  const post = async (credential: object, token: string) =>
    (await client.post('factors/passkeys', { credential }, { token })).body.code
  // Of another user.
  t.is(await post(fresh.create(await creationOptions(client, other.access)), user.access), 'INVALID_PASSKEY')
  // Of another session of the same user: that of a sign-in by passkey.
  const session = await signIn(client, user.authenticator)
  const options = await creationOptions(client, session.body.access_token)
  t.is(await post(fresh.create(options), user.access), 'INVALID_PASSKEY')
  // Of another ceremony.
  const { user: owner } = await creationOptions(client, user.access)
  const signInOptions = { ...(await requestOptions(client)), user: owner }
  t.is(await post(fresh.create(signInOptions), user.access), 'INVALID_PASSKEY')
  const credential = user.authenticator.get(await creationOptions(client, user.access))
  t.is((await client.post('login/passkey', { credential })).body.code, 'INVALID_PASSKEY')
})

test('the passkey of another user signs for this user handle → INVALID_PASSKEY', async t => {
  const user = await aPasskeyUser(client)
  const other = await aPasskeyUser(client)
  const { id } = user.authenticator
  const asOther = other.authenticator.get(await requestOptions(client), { id })
  t.deepEqual(refused(await client.post('login/passkey', { credential: asOther })), invalid)
  const handle = user.authenticator.get(await requestOptions(client)).response.userHandle
  const reply = await signIn(client, other.authenticator, { userHandle: handle })
  t.deepEqual(refused(reply), invalid)
})

test('a removed passkey, a deleted user and an unknown passkey → the same bytes', async t => {
  const removed = await aPasskeyUser(client)
  await sql('UPDATE factors SET removed_at = now() WHERE id = $1', [removed.factorId])
  const deleted = await aPasskeyUser(client)
  await sql('DELETE FROM users WHERE id = $1', [deleted.userId])
  for (const authenticator of [removed.authenticator, deleted.authenticator, newAuthenticator()])
    t.deepEqual(refused(await signIn(client, authenticator, { userHandle: 'A' })), invalid)
  t.deepEqual(refused(await signIn(client, removed.authenticator)), invalid)
})

test('the credential of a passkey is registered again, also by another user → PASSKEY_EXISTS', async t => {
  const { authenticator, access } = await aPasskeyUser(client)
  const { access: otherToken, userId } = await anAccount(client)
  for (const token of [access, otherToken]) {
    const { status, body } = await addPasskey(client, token, authenticator)
    t.deepEqual([status, body.code], [409, 'PASSKEY_EXISTS'])
  }
  t.is((await sql('SELECT 1 FROM factors WHERE user_id = $1', [userId])).length, 0)
})

test('the credential of a removed passkey → no user can register it, so that its owner can restore it', async t => {
  const { authenticator, access, factorId } = await aPasskeyUser(client)
  await sql('UPDATE factors SET removed_at = now() WHERE id = $1', [factorId])
  for (const token of [access, (await anAccount(client)).access]) {
    const { status, body } = await addPasskey(client, token, authenticator)
    t.deepEqual([status, body.code], [409, 'PASSKEY_EXISTS'])
  }
})

test('a signature counter that goes back → signs in, a warning and a metric', async t => {
  const { authenticator, factorId } = await aPasskeyUser(client, { counter: 9 })
  await world.newLogs()
  t.is((await signIn(client, authenticator, { counter: 10 })).status, 200)
  t.false((await world.newLogs()).some(line => line.includes('went back')))
  t.is((await signIn(client, authenticator, { counter: 10 })).status, 200)
  const warning = (await world.newLogs()).find(line => line.includes('went back'))
  t.like(JSON.parse(warning ?? '{}'), { factorId, stored: 10, sent: 10 })
  t.regex(await world.metrics(), /passkey_counters_back\S* [1-9]/)
})

test('20 uses of one answer at once, at two instances → one session', async t => {
  const { authenticator, userId } = await aPasskeyUser(client)
  const second = await world.instance()
  await openPools(world, second)
  const credential = authenticator.get(await requestOptions(client))
  const uses = times(20, { path: 'login/passkey', body: { credential } })
  t.deepEqual(statusesOf(await sendSimultaneously([world.url, second.url], uses)), { 200: 1, 401: 19 })
  const [{ n } = { n: 0 }] = await sql<{ n: number }>(
    `SELECT count(*)::int AS n FROM audit_events WHERE user_id = $1 AND type = 'login.succeeded'`,
    [userId],
  )
  t.is(n, 1)
  await second.close()
})

// Serial, because it ends the challenges of every test.
test.serial('a challenge after five minutes → INVALID_PASSKEY', async t => {
  const { authenticator } = await aPasskeyUser(client)
  const options = await requestOptions(client)
  for (const key of await world.keysLike('*passkey*')) await world.redis.pexpire(key, 1)
  const credential = authenticator.get(options)
  t.is((await client.post('login/passkey', { credential })).body.code, 'INVALID_PASSKEY')
})
