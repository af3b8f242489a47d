import test from 'ava'
import { verify } from 'paseto-ts/v4'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const published = () => world.client.get('/.well-known/paseto-keys')

test('the public keys are for anybody, and may be kept for a while', async t => {
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
  t.notRegex(text, /secret|sealed|v1\./)
})

test('another implementation verifies an access token with the key that its footer names', async t => {
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

test('a retired key is not published any more', async t => {
  const { generateKey } = await import('../../src/crypto/paseto.ts')
  const { kid, paserkPublic } = generateKey()
  await world.sql(
    `INSERT INTO signing_keys (kid, public_key, sealed_secret, status) VALUES ($1, $2, 'none', 'retired')`,
    [kid, paserkPublic],
  )
  const other = await world.instance()
  const { text } = await other.client.get('/.well-known/paseto-keys')
  t.false(text.includes(kid))
})
