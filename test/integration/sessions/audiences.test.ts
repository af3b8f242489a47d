import anyTest from 'ava'
import { createVerifier } from '../../../packages/guard/src/verifier.ts'
import type { Reply } from '../../client.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { openResourceServer } from '../guard/resource-server.ts'

// Access tokens for one service. A service that receives a token must not be able to use it elsewhere (confused deputy).

const test = anyTest.serial

const orders = 'https://orders.example.com'
const news = 'https://news.example.com/v1'
const world = await openWorld({ env: { AUDIENCES: `${orders},${news}/,${orders}` } })
const other = await world.instance()
const plain = await openWorld()
const { keys } = (await world.client.get('/.well-known/paseto-keys')).body
anyTest.after.always(async () => {
  for (const each of [world, plain]) await each[Symbol.asyncDispose]()
})

const { client } = world
const issuer = world.env.PUBLIC_URL ?? 'http://latchkey.test'

type Claims = Record<string, unknown>
const claimsOf = (token: string): Claims =>
  JSON.parse(
    Buffer.from(token.split('.')[2] ?? '', 'base64url')
      .subarray(0, -64)
      .toString(),
  )
const audienceOf = ({ status, body, text }: Reply): unknown => {
  if (status >= 300) throw new Error(`${status}: ${text}`)
  return claimsOf(body.access_token).aud
}

const verifierOf = (audience: string) => createVerifier({ issuer, audience, keys })

test('each route that returns a session, with an audience → the token has that audience alone', async t => {
  const body = { email: anEmail(), password }
  t.is(audienceOf(await client.post('register', { ...body, audience: orders })), orders)
  const login = await client.post('login', { ...body, audience: news })
  t.is(audienceOf(login), news)
  t.is(
    audienceOf(await client.post('refresh', { refresh_token: login.body.refresh_token, audience: orders })),
    orders,
  )
  for (const [method, next] of [
    ['POST', 'correct horse 10'],
    ['PUT', 'correct horse 11'],
  ] as const) {
    const { access_token: token } = (await client.post('login', body)).body
    const change = { current_password: body.password, new_password: next, audience: news }
    t.is(audienceOf(await client.send(method, 'change-password', { body: change, token })), news)
    body.password = next
  }
})

test('no audience → PUBLIC_URL, also for the refresh of a session that began with another audience', async t => {
  const { email, refresh } = await anAccount(client, { audience: orders })
  t.is(audienceOf(await client.post('refresh', { refresh_token: refresh })), issuer)
  t.is(audienceOf(await client.post('login', { email, password })), issuer)
  t.is(audienceOf(await client.post('login', { email, password, audience: `${issuer}/` })), issuer)
})

test('another spelling of a listed audience → the token has the spelling of AUDIENCES', async t => {
  const { email } = await anAccount(client)
  const spellings = { [`${orders}/`]: orders, 'HTTPS://Orders.example.com:443': orders, [`${news}//`]: news }
  for (const [audience, expected] of Object.entries(spellings))
    t.is(audienceOf(await client.post('login', { email, password, audience })), expected)
})

test('the same refresh token with different audiences → one successor and one token for each audience', async t => {
  const { refresh } = await anAccount(client)
  const replies = await Promise.all(
    [orders, news, undefined, orders].map((audience, i) =>
      (i % 2 ? other.client : client).post('refresh', { refresh_token: refresh, audience }),
    ),
  )
  t.deepEqual(replies.map(audienceOf), [orders, news, issuer, orders])
  t.is(new Set(replies.map(({ body }) => body.refresh_token)).size, 1)
  const next = { refresh_token: replies[0]?.body.refresh_token }
  t.is((await client.post('refresh', next)).status, 200, 'the session is alive')
})

test('unlisted audience → 400 that names the field and not the value, before anything changes', async t => {
  const { email, access, refresh } = await anAccount(client)
  const unlisted = [
    ...['https://evil.example.com', `${orders}.evil.example`, `${orders}/v1`, 'https://news.example.com'],
    ...[`${issuer}/x`, '', 'orders', `${orders},${news}`, [orders], { audience: orders }, null, 7],
    ...[
      `${orders}?a=1`,
      `${orders}#a`,
      `https://u:p@orders.example.com`,
      `${orders}\0`,
      'https://x'.repeat(900),
    ],
  ]
  const newEmail = anEmail()
  const change = { current_password: password, new_password: 'correct horse 12' }
  for (const audience of unlisted) {
    const replies = [
      await client.post('login', { email, password, audience }),
      await client.post('register', { email: newEmail, password, audience }),
      await client.post('refresh', { refresh_token: refresh, audience }),
      await client.post('change-password', { ...change, audience }, { token: access }),
    ]
    for (const { status, body, text } of replies) {
      t.is(status, 400, text)
      t.is(body.code, 'VALIDATION_ERROR')
      t.is(body.errors[0].path, 'audience')
      t.false(text.includes('example.com'), text)
    }
  }
  t.is((await client.post('refresh', { refresh_token: refresh })).status, 200, 'the refresh token is unused')
  t.is((await client.post('login', { email, password })).status, 200, 'the password is unchanged')
  t.is((await client.post('register', { email: newEmail, password })).status, 201)
})

test('AUDIENCES unset → only PUBLIC_URL may be asked for', async t => {
  const { email } = await anAccount(plain.client)
  const own = plain.env.PUBLIC_URL ?? issuer
  t.is(audienceOf(await plain.client.post('login', { email, password, audience: own })), own)
  t.is((await plain.client.post('login', { email, password, audience: orders })).status, 400)
})

test('token for service A → refused by B and accepted by A, and the reverse, also when both were just seen', async t => {
  const { email, userId } = await anAccount(client)
  await using atOrders = await openResourceServer(verifierOf(orders))
  await using atNews = await openResourceServer(verifierOf(news))
  await using atOwn = await openResourceServer(verifierOf(issuer))
  const servers = { [orders]: atOrders, [news]: atNews, [issuer]: atOwn }
  const tokens = await Promise.all(
    Object.keys(servers).map(async audience => {
      const { body } = await client.post('login', { email, password, audience })
      return [audience, body.access_token] as const
    }),
  )
  // Twice: a verifier that has a token in its cache must not accept another one for it.
  for (const _round of [1, 2])
    for (const [audience, token] of tokens)
      for (const [name, server] of Object.entries(servers)) {
        const reply = await server.client.get('/closed', { token })
        t.is(reply.status, name === audience ? 200 : 401, `${audience} at ${name}`)
        if (name === audience) t.like(reply.body.auth, { aud: audience, sub: userId, acr: 'aal1' })
        else t.is(reply.body.code, 'INVALID_TOKEN')
      }
})

test('token for another service at routes of Latchkey → 401 INVALID_TOKEN, at every instance', async t => {
  const { access, refresh, userId, sessionId } = await anAccount(client, { audience: orders })
  await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [userId])
  const change = { current_password: password, new_password: 'correct horse 12' }
  const { access_token: own } = (await client.post('refresh', { refresh_token: refresh })).body
  for (const each of [client, other.client]) {
    t.is((await each.get('me', { token: own })).status, 200)
    const replies = [
      await each.get('me', { token: access }),
      await each.patch('me', { full_name: 'A Thief' }, { token: access }),
      await each.get('sessions', { token: access }),
      await each.send('DELETE', `sessions/${sessionId}`, { token: access }),
      await each.post('logout-all', undefined, { token: access }),
      await each.post('change-password', change, { token: access }),
      await each.get('/api/v1/admin/users', { token: access }),
    ]
    for (const { status, body } of replies) {
      t.is(status, 401)
      t.is(body.code, 'INVALID_TOKEN')
    }
  }
  t.is((await client.get('me', { token: own })).status, 200, 'the session is alive')
})

test('logout with a token for another service → 401, and the session continues', async t => {
  const { access, refresh } = await anAccount(client, { audience: orders })
  const refused = await client.post('logout', undefined, { token: access })
  t.is(refused.status, 401)
  t.is(refused.body.code, 'INVALID_TOKEN')
  const next = await client.post('refresh', { refresh_token: refresh })
  t.is(next.status, 200)
  const both = { refresh_token: next.body.refresh_token }
  t.is((await client.post('logout', both, { token: access })).status, 204, 'the refresh token ends it')
  t.is((await client.post('refresh', both)).status, 401)
})

test('a user token → says by acr and amr that a password alone was checked', async t => {
  const { access } = await anAccount(client)
  t.like(claimsOf(access), { acr: 'aal1', amr: ['pwd'] })
})
