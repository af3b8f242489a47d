import anyTest from 'ava'
import { verify } from 'paseto-ts/v4'
import { openKeyRing } from '../../../src/features/signing-keys/open-key-ring.ts'
import { signToken } from '../../../src/platform/crypto/paseto.ts'
import { generateKey, importSecret } from '../../../src/platform/crypto/paseto-keys.ts'
import { seal } from '../../../src/platform/crypto/seal.ts'
import { deriveSecrets } from '../../../src/platform/crypto/secrets.ts'
import { anAccount, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'

// Signing keys: publication, encryption at rest, rotation without a restart.

const test = anyTest.serial

const rotationWorld = await openLocalWorld()
const encryptionWorld = await openLocalWorld()
const world = await openWorld()
anyTest.after.always(async () => {
  for (const each of [rotationWorld, encryptionWorld, world]) await each[Symbol.asyncDispose]()
})

{
  const world = rotationWorld
  /** Writes what a rotation writes: the old key is retiring, a new one is signing. */
  const rotate = async (): Promise<string> => {
    const { kid, paserkPublic, paserkSecret } = generateKey()
    const sealed = seal(world.deps.secrets, Buffer.from(paserkSecret), kid)
    await world.sql(`UPDATE signing_keys SET status = 'retiring' WHERE status = 'signing'`)
    await world.sql(
      `INSERT INTO signing_keys (kid, public_key, sealed_secret, status) VALUES ($1, $2, $3, 'signing')`,
      [kid, paserkPublic, sealed],
    )
    return kid
  }

  const kidOf = (token: string): string =>
    JSON.parse(Buffer.from(token.split('.')[3] ?? '', 'base64url').toString()).kid

  test('a key is rotated → every instance accepts tokens of the new and the old key, without a restart', async t => {
    const before = await anAccount(world.client)
    const kid = await rotate()
    const other = await world.instance()
    const after = await anAccount(other.client)
    t.is(kidOf(after.access), kid)
    t.not(kidOf(before.access), kid)

    await until(
      'the old instance accepts the new key',
      async () => (await world.client.get('me', { token: after.access })).status === 200,
    )
    for (const { client } of [world, other])
      for (const { access } of [before, after]) t.is((await client.get('me', { token: access })).status, 200)

    t.is(kidOf((await anAccount(world.client)).access), kid, 'the old instance signs with the new key')
    const { body } = await world.client.get('/.well-known/paseto-keys')
    t.deepEqual(
      body.keys.map((key: { kid: string; status: string }) => [key.kid, key.status]),
      [
        [kidOf(before.access), 'retiring'],
        [kid, 'signing'],
      ],
    )
  })

  test('token of a retired key → INVALID_TOKEN', async t => {
    const old = await anAccount(world.client)
    await rotate()
    await world.sql(`UPDATE signing_keys SET status = 'retired' WHERE kid = $1`, [kidOf(old.access)])
    const other = await world.instance()
    const { status, body } = await other.client.get('me', { token: old.access })
    t.deepEqual([status, body.code], [401, 'INVALID_TOKEN'])
  })

  // An attacker can invent key ids for free. If each one were looked up, the requests would overload Postgres.
  test('200 tokens with invented key ids → at most one read of the keys per 5 seconds, besides the poll', async t => {
    const { reads } = world.deps
    const { run } = reads
    let read = 0
    reads.run = (statement, values) => {
      if (statement.name === 'published-signing-keys') read++
      return run(statement, values)
    }
    t.teardown(() => {
      reads.run = run
    })
    const invented = Array.from({ length: 200 }, () => {
      const { kid, paserkSecret } = generateKey()
      const claims = { iss: 'http://latchkey.test', aud: 'http://latchkey.test', sub: 'x', sid: 'x' }
      return signToken({ kid, secret: importSecret(paserkSecret) }, claims, {
        now: new Date(),
        ttlSeconds: 900,
      })
    })
    const began = performance.now()
    const replies = await Promise.all(invented.map(token => world.client.get('me', { token })))
    const seconds = (performance.now() - began) / 1000
    for (const { status, body } of replies) t.deepEqual([status, body.code], [401, 'INVALID_TOKEN'])
    t.true(read <= Math.floor(seconds / 5) + 1 + Math.ceil(seconds), `${read} in ${seconds} s`)
  })

  // During a promotion one instance knows earlier than another that a key signs.
  test('token of a key that is only published here → accepted, as another instance may sign with it', async t => {
    const { sessionId, userId } = await anAccount(world.client)
    const { kid, paserkPublic, paserkSecret } = generateKey()
    await world.sql(
      `INSERT INTO signing_keys (kid, public_key, sealed_secret, status) VALUES ($1, $2, 'none', 'published')`,
      [kid, paserkPublic],
    )
    await until('the key to be read', () => world.deps.ring.published().some(key => key.kid === kid))
    const claims = { iss: 'http://latchkey.test', aud: 'http://latchkey.test', sub: userId, sid: sessionId }
    const signed = { kid, secret: importSecret(paserkSecret) }
    const token = signToken(signed, claims, { now: new Date(), ttlSeconds: 900 })
    t.is((await world.client.get('me', { token })).status, 200)
    t.not(world.deps.ring.signing().kid, kid)
    await world.sql('DELETE FROM signing_keys WHERE kid = $1', [kid])
  })

  test('the key that signs cannot be decrypted any more → the key before signs as long as it is published', async t => {
    const account = await anAccount(world.client)
    const first = world.deps.ring.signing().kid
    const { kid, paserkPublic } = generateKey()
    await world.sql(`UPDATE signing_keys SET status = 'retiring' WHERE kid = $1`, [first])
    await world.sql(
      `INSERT INTO signing_keys (kid, public_key, sealed_secret, status) VALUES ($1, $2, 'sealed elsewhere', 'signing')`,
      [kid, paserkPublic],
    )
    await until('the key to be read', () => world.deps.ring.published().some(key => key.kid === kid))
    t.is(world.deps.ring.signing().kid, first)
    t.true(world.logs.some(line => line.includes('this process cannot sign with the current key')))
    await world.sql(`UPDATE signing_keys SET status = 'retired' WHERE kid = $1`, [first])
    await until('the key to be gone', () => !world.deps.ring.published().some(key => key.kid === first))
    t.throws(world.deps.ring.signing, { code: 'ERR_NO_SIGNING_KEY' })
    const { status, headers } = await world.client.post('login', { email: account.email, password })
    t.deepEqual([status, headers.get('retry-after')], [503, '2'])
  })
}

{
  const world = encryptionWorld
  test('signing keys are read with another APP_SECRET → they cannot be decrypted', async t => {
    const rows = await world.sql<Record<string, string>>('SELECT * FROM signing_keys')
    t.is(rows.length, 1)
    t.notRegex(JSON.stringify(rows), /k4\.secret|k4\.local/)
    const secrets = deriveSecrets(['another secret of the application'])
    await t.throwsAsync(openKeyRing({ ...world.deps, secrets }), { message: /APP_SECRET/ })
    using ring = await openKeyRing(world.deps)
    t.is(ring.signing().kid, world.deps.ring.signing().kid)
  })
}

{
  const published = () => world.client.get('/.well-known/paseto-keys')

  test('published keys → public, cacheable for 300 s, without a secret', async t => {
    const { status, headers, body, text } = await published()
    t.is(status, 200)
    t.is(headers.get('cache-control'), 'public, max-age=300')
    t.regex(headers.get('content-type') ?? '', /^application\/json/)
    t.is(body.keys.length, 1)
    const [{ kid, paserk, not_before, ...rest }] = body.keys
    t.regex(kid, /^k4\.pid\.[\w-]{44}$/)
    t.regex(paserk, /^k4\.public\.[\w-]{43}$/)
    t.true(Date.parse(not_before) <= Date.now())
    t.deepEqual(rest, { status: 'signing', not_after: null })
    t.notRegex(text, /k4\.secret|"(?:\w*secret|sealed)|"v\d\./)
  })

  test('access token → another PASETO library verifies it with the published key of its footer', async t => {
    const account = await anAccount(world.client, { full_name: 'Ada Lovelace', preferred_language: 'en' })
    const { keys } = (await published()).body
    const footer = JSON.parse(Buffer.from(account.access.split('.')[3] ?? '', 'base64url').toString())
    const key = keys.find(({ kid }: { kid: string }) => kid === footer.kid)
    t.deepEqual(Object.keys(footer), ['kid'])

    const { payload } = verify(key.paserk, account.access)
    const { iat, exp, auth_time, ...claims } = payload as Record<string, unknown>
    t.deepEqual(claims, {
      iss: 'http://latchkey.test',
      aud: 'http://latchkey.test',
      sub: account.userId,
      sid: account.sessionId,
      email: account.email,
      email_verified: false,
      name: 'Ada Lovelace',
      roles: ['user'],
      lang: 'en',
      amr: ['pwd'],
      acr: 'aal1',
    })
    t.is(Date.parse(String(exp)) - Date.parse(String(iat)), 900_000)
    t.true(Math.abs(Date.parse(String(auth_time)) - Date.now()) < 60_000)
    t.throws(() =>
      verify(
        key.paserk,
        account.access.replace(/\.[\w-]/, found => (found === '.A' ? '.B' : '.A')),
      ),
    )
  })

  test('the client has the published keys already → 304 without a body, for GET and HEAD', async t => {
    const { headers, text } = await published()
    const tag = headers.get('etag') ?? ''
    t.regex(tag, /^"[\w-]{22}"$/)
    const other = await world.instance()
    for (const { client } of [world, other])
      for (const method of ['GET', 'HEAD'])
        for (const held of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
          const path = '/.well-known/paseto-keys'
          const reply = await client.send(method, path, { headers: { 'if-none-match': held } })
          t.deepEqual([reply.status, reply.text], [304, ''], `${method} ${held}`)
          t.is(reply.headers.get('etag'), tag)
          t.is(reply.headers.get('cache-control'), 'public, max-age=300')
          t.is(reply.headers.get('content-type'), null)
        }
    const changed = await world.client.get('/.well-known/paseto-keys', {
      headers: { 'if-none-match': '"x"' },
    })
    t.deepEqual([changed.status, changed.text], [200, text])
  })

  test('retired key → it is not published', async t => {
    const { generateKey } = await import('../../../src/platform/crypto/paseto-keys.ts')
    const { kid, paserkPublic } = generateKey()
    await world.sql(
      `INSERT INTO signing_keys (kid, public_key, sealed_secret, status) VALUES ($1, $2, 'none', 'retired')`,
      [kid, paserkPublic],
    )
    const other = await world.instance()
    const { text } = await other.client.get('/.well-known/paseto-keys')
    t.false(text.includes(kid))
  })
}
