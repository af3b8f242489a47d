import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'
import test from 'ava'
import { createVerifier } from '../../../packages/guard/src/verifier.ts'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { generateKey } from '../../../src/platform/crypto/paseto-keys.ts'
import { seal } from '../../../src/platform/crypto/seal.ts'
import { deriveSecrets } from '../../../src/platform/crypto/secrets.ts'
import type { Reply } from '../../client.ts'
import { anAccount, password } from '../../fixtures.ts'
import { testSecret } from '../../template.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { aMachine, machineToken } from '../clients/machine.ts'
import { giveFactors } from '../reauthentication/second-factor.ts'
import { openResourceServer } from './resource-server.ts'

// A real issuer on a real port, so that the guard fetches its keys over HTTP as in production.
const world = await onFreePort(undefined, port =>
  openWorld({ env: { PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` } }),
)
const issuer = world.env.PUBLIC_URL ?? ''
const { client, sql } = world
const service = await openResourceServer(createVerifier({ issuer }))
const guarded = service.client
test.after.always(async () => {
  await service[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

/** The parts of a reply that a client may depend on. */
const comparable = ({ status, headers, body }: Reply) => {
  const { request_id, type, ...rest } = body
  const names = ['content-type', 'www-authenticate', 'cache-control']
  return { status, rest, headers: names.map(name => headers.get(name)), type: new URL(type, issuer).href }
}

const signIn = async (email: string): Promise<string> =>
  (await client.post('login', { email, password })).body.access_token

test('valid access token → the request passes, and its claims name the user and the session', async t => {
  const { access, userId, sessionId, email } = await anAccount(client, { full_name: 'Ada' })
  for (const path of ['/closed', '/open']) {
    const reply = await guarded.get(path, { token: access })
    t.is(reply.status, 200, reply.text)
    t.like(reply.body.auth, { sub: userId, sid: sessionId, email, name: 'Ada', roles: ['user'], iss: issuer })
  }
})

test('missing or invalid token → the same reply as the issuer gives', async t => {
  const { access } = await anAccount(client)
  const tampered = `${access.slice(0, 40)}${access[40] === 'A' ? 'B' : 'A'}${access.slice(41)}`
  const authorizations = [
    ...[undefined, 'Basic YTpi', 'Bearer', 'bearer  ', `Bearer ${access} ${access}`, 'Bearer äöü'],
    ...[`Bearer ${tampered}`, 'Bearer v4.public.garbage', `Bearer ${'x'.repeat(8000)}`],
  ]
  for (const authorization of authorizations) {
    const headers = authorization === undefined ? {} : { authorization }
    const [guardReply, issuerReply] = [
      await guarded.get('/closed', { headers }),
      await client.get('me', { headers }),
    ]
    t.true(guardReply.status === 401 || guardReply.status === 400)
    t.deepEqual(comparable(guardReply), comparable(issuerReply), authorization?.slice(0, 40))
    t.truthy(guardReply.body.request_id)
  }
})

test('two Authorization headers → 400', async t => {
  const { access } = await anAccount(client)
  const sent = request(`${service.url}/closed`, {
    headers: ['Host', 'x', 'Authorization', `Bearer ${access}`, 'Authorization', 'Bearer x'],
  }).end()
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  t.is(reply.statusCode, 400)
  t.is(((await json(reply)) as { code: string }).code, 'VALIDATION_ERROR')
})

test('optionalAuth → a request without a token passes, one with an invalid token gets 401', async t => {
  t.deepEqual((await guarded.get('/open')).body, { auth: null })
  t.is((await guarded.get('/open', { token: 'v4.public.garbage' })).status, 401)
  t.is((await guarded.get('/open-admin')).status, 401)
})

test('a token with another audience or issuer → INVALID_TOKEN', async t => {
  const { access } = await anAccount(client)
  await using other = await openResourceServer(createVerifier({ issuer, audience: 'https://other.example' }))
  t.is((await other.client.get('/closed', { token: access })).body.code, 'INVALID_TOKEN')
  const { keys } = (await client.get('/.well-known/paseto-keys')).body
  await using foreign = await openResourceServer(
    createVerifier({ issuer: 'https://other.example', audience: issuer, keys }),
  )
  t.is((await foreign.client.get('/closed', { token: access })).body.code, 'INVALID_TOKEN')
})

test('requireRole without the role → the same 403 as the issuer gives', async t => {
  const { access, email, userId } = await anAccount(client)
  const refused = await guarded.get('/admin', { token: access })
  t.deepEqual(comparable(refused), comparable(await client.get('/api/v1/admin/users', { token: access })))
  t.is(refused.body.detail, 'The user does not have the required role.')
  t.regex(refused.headers.get('www-authenticate') ?? '', /insufficient_scope/)
  t.is((await guarded.get('/open-admin', { token: access })).status, 403)
  await sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [userId])
  const token = await signIn(email)
  for (const path of ['/admin', '/open-admin']) t.is((await guarded.get(path, { token })).status, 200)
})

test('requireVerified with an unverified address → 403, and 200 with a newer token after verification', async t => {
  const { access, email, userId } = await anAccount(client)
  const refused = await guarded.get('/verified', { token: access })
  t.is(refused.status, 403)
  t.is(refused.body.code, 'EMAIL_NOT_VERIFIED')
  t.regex(refused.body.detail, /^The access token was issued before the email address was verified/)
  await sql('UPDATE users SET email_verified = true WHERE id = $1', [userId])
  t.is((await guarded.get('/verified', { token: await signIn(email) })).status, 200)
})

test('requireRole without requireAuth before it → 500 for every request', async t => {
  const { access } = await anAccount(client)
  t.is((await guarded.get('/forgotten', { token: access })).status, 500)
})

test.serial('expired token → TOKEN_EXPIRED, with the same reply as the issuer gives', async t => {
  await world.travel(-20 * 60_000)
  const { access } = await anAccount(client)
  await world.travel(0)
  const [guardReply, issuerReply] = [
    await guarded.get('/closed', { token: access }),
    await client.get('me', { token: access }),
  ]
  t.is(guardReply.body.code, 'TOKEN_EXPIRED')
  t.deepEqual(comparable(guardReply), comparable(issuerReply))
})

test('machine client without the scope → the same 403 as the issuer gives, and 200 with it', async t => {
  const [lacking, having] = [await aMachine(world, ['orders:read']), await aMachine(world, ['users:read'])]
  const token = await machineToken(client, lacking)
  t.is((await guarded.get('/closed', { token })).body.auth.client_id, lacking.id)
  const refused = await guarded.get('/scope', { token })
  t.is(refused.body.code, 'INSUFFICIENT_SCOPE')
  t.deepEqual(comparable(refused), comparable(await client.get('/api/v1/admin/users', { token })))
  t.is((await guarded.get('/scope', { token: await machineToken(client, having) })).status, 200)
})

test('machine client where a user is required, and the reverse → 403 that names the reason', async t => {
  const token = await machineToken(client, await aMachine(world, ['users:read']))
  for (const path of ['/verified', '/admin', '/open-admin', '/fresh', '/aal2']) {
    const { status, body } = await guarded.get(path, { token })
    t.is(status, 403)
    t.is(body.detail, 'The token belongs to a machine client, and this is only for users.')
  }
  const { access } = await anAccount(client)
  const { status, body } = await guarded.get('/scope', { token: access })
  t.is(status, 403)
  t.is(body.detail, 'The token belongs to a user, and this is only for machine clients.')
})

test.serial('user who signed in 11 minutes ago → the same challenge as the issuer gives', async t => {
  await world.travel(-11 * 60_000)
  const { access } = await anAdmin(world)
  await world.travel(0)
  const [guardReply, issuerReply] = [
    await guarded.get('/fresh', { token: access }),
    await client.send('DELETE', `/api/v1/admin/users/${randomUUID()}`, { token: access }),
  ]
  t.is(guardReply.body.code, 'REAUTHENTICATION_REQUIRED')
  t.deepEqual(comparable(guardReply), comparable(issuerReply))
  const fresh = await anAccount(client)
  t.is((await guarded.get('/fresh', { token: fresh.access })).status, 200)
})

test.serial(
  'user with one factor → the challenge that the issuer gives, until they show a second one',
  async t => {
    const strict = await world.instance({ REQUIRE_MFA: 'admins', PORT: '0' })
    const ada = await anAdmin(world)
    const { nextCode } = await giveFactors(world, ada)
    const [guardReply, issuerReply] = [
      await guarded.get('/aal2', { token: ada.access }),
      await strict.client.get('/api/v1/admin/users', { token: ada.access }),
    ]
    t.is(guardReply.body.code, 'REAUTHENTICATION_REQUIRED')
    t.deepEqual(comparable(guardReply), comparable(issuerReply))
    await world.travel(-11 * 60_000)
    const { access: old } = await anAccount(client)
    await world.travel(0)
    t.is((await guarded.get('/fresh', { token: old })).status, 401)

    const { body } = await client.post('reauthenticate', { code: nextCode() }, { token: ada.access })
    for (const path of ['/aal2', '/fresh']) {
      const { status, body: passed } = await guarded.get(path, { token: body.access_token })
      t.is(status, 200)
      t.like(passed.auth, { amr: ['pwd', 'otp', 'mfa'], acr: 'aal2' })
    }
    t.is(
      (await guarded.get('/aal2', { token: ada.access })).status,
      401,
      'a token keeps the level of its issue',
    )
    await strict.close()
  },
)

test.serial(
  'token of a new signing key → the guard fetches the key at once and accepts the token',
  async t => {
    let keyServer = issuer
    let reads = 0
    const old = await anAccount(client)
    const { verify } = createVerifier({
      issuer,
      fetch: (url, init) => {
        reads++
        return fetch(url.replace(issuer, keyServer), init)
      },
    })
    t.is((await verify(old.access)).sub, old.userId)
    t.is(reads, 1)

    const key = generateKey()
    const sealed = seal(deriveSecrets([testSecret]), Buffer.from(key.paserkSecret), key.kid)
    await sql(`UPDATE signing_keys SET status = 'retiring'`)
    await sql(
      `INSERT INTO signing_keys (kid, public_key, sealed_secret, status) VALUES ($1, $2, $3, 'signing')`,
      [...[key.kid, key.paserkPublic, sealed]],
    )
    const another = await world.instance({ PORT: '0' })
    keyServer = another.url
    const fresh = await anAccount(another.client)
    t.is((await verify(fresh.access)).sub, fresh.userId)
    t.is((await verify(old.access)).sub, old.userId)
    t.is(reads, 2)
  },
)
