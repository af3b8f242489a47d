import anyTest from 'ava'
import { callerHeaders, headersOfCaller } from '../../../src/features/forward-auth/view.ts'
import { canonicalEmail } from '../../../src/platform/base/fields.ts'
import { type Account, anAccount, anEmail, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { aMachine, machineToken } from '../clients/machine.ts'
import { type RawReply, sendRaw } from '../http/raw-request.ts'

// A reverse proxy lets a request pass if this route answers 2xx. So it answers 2xx to an authenticated caller only.

const test = anyTest.serial

const origin = 'https://app.example.com'
const world = await openWorld({
  env: { CORS_ORIGINS: origin, RATE_LIMITS: 'anonymous=2/15m,register=1000/15m', TRUSTED_PROXIES: '1' },
})
const other = await world.instance()
const basePathInstance = await world.instance({ PUBLIC_URL: 'https://latchkey.test/api' })
const limited = await world.instance({ RATE_LIMITS: 'check=3/15m,register=1000/15m' })
const ada = await anAccount(world.client)
anyTest.after.always(() => world[Symbol.asyncDispose]())

const path = '/api/v1/auth/check'
const check = (token: string | undefined, query = '', at = world) =>
  at.client.get(`${path}${query}`, { token })

type Given = { method?: string; token?: string | undefined; headers?: string[]; url?: string }
/** Sends a request whose target no client library changes. */
const ask = (target: string, { method = 'GET', token, headers = [], url = world.url }: Given = {}) =>
  sendRaw(url, [
    `${method} ${target} HTTP/1.1`,
    'Host: latchkey.test',
    ...(token ? [`Authorization: Bearer ${token}`] : []),
    ...headers,
  ])
const namesOf = ({ headers }: RawReply) => Object.keys(headers).filter(name => name.startsWith('x-auth-'))

test('a valid token → 204 and headers that name the user and the session', async t => {
  const { status, headers, text } = await check(ada.access)
  t.deepEqual([status, text], [204, ''])
  const sent = Object.fromEntries(
    Object.keys(callerHeaders).map(name => [name, headers.get(name.toLowerCase())]),
  )
  t.deepEqual(sent, {
    'X-Auth-User': ada.userId,
    'X-Auth-Email': ada.email,
    'X-Auth-Email-Verified': 'false',
    'X-Auth-Roles': 'user',
    'X-Auth-Session': ada.sessionId,
    'X-Auth-Acr': 'aal1',
    'X-Auth-Client': null,
    'X-Auth-Scope': null,
  })
  t.is(headers.get('cache-control'), 'no-store')
  const head = await world.client.send('HEAD', path, { token: ada.access })
  t.deepEqual([head.status, head.headers.get('x-auth-user')], [204, ada.userId])
})

test('a change in the database → the next check shows it, not what the token claims', async t => {
  const eve = await anAdmin(world)
  t.is((await check(eve.access)).headers.get('x-auth-roles'), 'user,admin')
  await world.sql(`UPDATE users SET email_verified = true, roles = '{user}' WHERE id = $1`, [eve.userId])
  const { headers } = await check(eve.access)
  t.is(headers.get('x-auth-email-verified'), 'true')
  t.is(headers.get('x-auth-roles'), 'user')
})

const refused: [what: string, token: (account: Account) => string | undefined, code: string][] = [
  ['no token', () => undefined, 'AUTH_ERROR'],
  ['a forged token', ({ access }) => `${access.slice(0, 40)}A${access.slice(41)}`, 'INVALID_TOKEN'],
  ['a refresh token', ({ refresh }) => refresh, 'INVALID_TOKEN'],
]
for (const [what, token, code] of refused)
  test(`${what} → 401 with a challenge and no header about a user, with every method below`, async t => {
    const replies = [
      await ask(path, { token: token(ada) }),
      await ask(path, { method: 'HEAD', token: token(ada) }),
    ]
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE'])
      replies.push(await ask(`${path}/orders/1?a=b`, { method, token: token(ada) }))
    for (const [i, reply] of replies.entries()) {
      t.is(reply.status, 401, String(i))
      t.regex(reply.headers['www-authenticate'] ?? '', /^Bearer realm="latchkey"/)
      t.is(reply.headers['cache-control'], 'no-store')
      t.deepEqual(namesOf(reply), [])
      if (reply.text) t.is((reply.body as { code: string }).code, code)
    }
  })

test('the session ends, also by another instance → the next check is 401', async t => {
  const end: ((account: Account) => Promise<unknown>)[] = [
    ({ access }) => other.client.post('logout', {}, { token: access }),
    ({ access }) => other.client.post('logout-all', undefined, { token: access }),
    ({ userId }) => world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId]),
    ({ userId, sessionId }) => world.redis.del(world.keys.session(userId, sessionId)),
  ]
  for (const [i, act] of end.entries()) {
    const account = await anAccount(world.client)
    t.is((await check(account.access)).status, 204)
    await act(account)
    const { status, body } = await check(account.access)
    t.deepEqual([status, body.code], [401, 'SESSION_REVOKED'], String(i))
    t.is((await ask(`${path}/x`, { token: account.access })).status, 401)
  }
})

test('an expired token → 401 TOKEN_EXPIRED', async t => {
  const account = await anAccount(world.client)
  await world.travel(20 * 60_000)
  t.is((await check(account.access)).body.code, 'TOKEN_EXPIRED')
  await world.travel(0)
})

test('a token for another service → 401', async t => {
  const audience = 'https://orders.example.com'
  const several = await world.instance({ AUDIENCES: audience })
  const { body } = await several.client.post('login', { email: ada.email, password, audience })
  const reply = await several.client.get(path, { token: body.access_token })
  t.deepEqual([reply.status, reply.body.code], [401, 'INVALID_TOKEN'])
  await several.close()
})

test('REQUIRE_VERIFIED_EMAIL and an unverified user → 403, at both forms', async t => {
  const strict = await world.instance({ REQUIRE_VERIFIED_EMAIL: 'true' })
  for (const target of [path, `${path}/x`]) {
    const { status, body } = await strict.client.get(target, { token: ada.access })
    t.deepEqual([status, body.code], [403, 'EMAIL_NOT_VERIFIED'])
  }
  await strict.close()
})

test('conditions → 204 if each is met, else 403 without a header about the user', async t => {
  const admin = await anAdmin(world)
  await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [admin.userId])
  const user = ada.access
  for (const [token, query, status, code] of [
    [user, '?role=user', 204],
    [user, '?scope=orders:read', 204],
    [user, '?scope=orders:read%20orders:write&role=user', 204],
    [user, '?role=admin', 403, 'FORBIDDEN'],
    [user, '?verified=true', 403, 'EMAIL_NOT_VERIFIED'],
    [user, '?role=user&verified=true', 403, 'EMAIL_NOT_VERIFIED'],
    [user, '?role=admin&scope=orders:read', 403, 'FORBIDDEN'],
    [admin.access, '?role=admin&verified=true&scope=orders:read', 204],
    [undefined, '?role=admin', 401, 'AUTH_ERROR'],
  ] as const) {
    const reply = await check(token, query)
    t.deepEqual([reply.status, reply.body?.code], [status, code], query)
    t.is(reply.headers.get('x-auth-user') !== null, status === 204, query)
  }
  const { headers } = await check(user, '?role=admin')
  t.is(headers.get('www-authenticate'), 'Bearer realm="latchkey", error="insufficient_scope"')
})

test('an unknown, empty, repeated or misspelled condition → 400, never a pass', async t => {
  const admin = await anAdmin(world)
  for (const query of [
    ...['role=', 'role', 'role=root', 'role=Admin', 'role=user,admin', 'role=%20admin', 'role=admin%00'],
    ...['role=user&role=admin', 'role[]=user', 'roles=user', 'Role=user', 'ROLE=user', '=user'],
    ...['verified=', 'verified=false', 'verified=TRUE', 'verified=1', 'verified=true&verified=true'],
    ...['scope=', 'scope=%20', 'scope=a%20', 'scope=a%20%20b', 'scope=%22', 'scope=%C3%A9', 'scope=a%0Ab'],
    ...['scope=a&scope=b', '__proto__=x', 'constructor=x', 'acr=aal2', 'path=/'],
  ]) {
    const reply = await ask(`${path}?${query}`, { token: admin.access })
    t.is(reply.status, 400, query)
    t.deepEqual(namesOf(reply), [])
  }
})

test('a slash before the conditions → 400, and no request passes without them', async t => {
  const admin = await anAdmin(world)
  for (const query of ['role=admin', 'role=', 'verified=true', 'scope=a&role=user', 'audience=x']) {
    const reply = await ask(`${path}/?${query}`, { token: admin.access })
    t.deepEqual([reply.status, namesOf(reply)], [400, []], query)
  }
  for (const target of ['/?', '/?code=1&scope=openid', '/orders?role=admin', '//?role=admin'])
    t.is((await ask(`${path}${target}`, { token: admin.access })).status, 200, target)
})

test('a path below, with any method, query and body → 200 without a body for a valid token', async t => {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE']) {
    const reply = await ask(`${path}/orders/1?role=admin&role=x&verified=`, { method, token: ada.access })
    t.deepEqual([reply.status, reply.text], [200, ''], method)
    t.is(reply.headers['x-auth-user'], ada.userId)
  }
  const content = 'x'.repeat(100)
  const lines = [
    `POST ${path}/orders HTTP/1.1`,
    'Host: latchkey.test',
    `Authorization: Bearer ${ada.access}`,
    'Content-Type: text/plain',
    `Content-Length: ${content.length}`,
  ]
  t.is((await sendRaw(world.url, lines, content)).status, 200)
})

// What a client can write into the path of the original request, which Envoy appends to the prefix.
for (const target of [
  '/',
  '//',
  '/../me',
  '/../../../../livez',
  '/..%2fme',
  '/%2e%2e/me',
  '/%2e%2e%2fme',
  '/..;/me',
  '/./',
  '/a//b',
  '/%',
  '/%zz',
  '/%00',
  '/%ff',
  '/a%0d%0aX-Auth-User:%20x',
  '/check',
  '?/',
  '/:path',
  '/*',
  '/\\..\\me',
  '/#x',
  `/${'a/'.repeat(2000)}`,
])
  test(`the path ${target.slice(0, 30)} below → the check itself: 401 without a token, 200 with one`, async t => {
    const below = target.startsWith('/') ? `${path}${target}` : `${path}/${target}`
    for (const method of ['GET', 'POST', 'OPTIONS']) t.is((await ask(below, { method })).status, 401, method)
    const passed = await ask(below, { token: ada.access })
    t.deepEqual([passed.status, passed.text], [200, ''])
    t.is(passed.headers['x-auth-user'], ada.userId)
  })

test('a path that only resembles the route → 404, with or without a token', async t => {
  for (const target of [
    'checks',
    'check%2Fx',
    'check;x',
    'Check',
    'check%20',
    'check.',
    'check%3Frole=admin',
  ])
    for (const token of [undefined, ada.access]) {
      const reply = await ask(`/api/v1/auth/${target}`, { token })
      t.is(reply.status, 404, target)
      t.deepEqual(namesOf(reply), [])
    }
  for (const target of ['/api/v1/auth//check', '/api/v1//auth/check', '/API/v1/auth/check'])
    t.is((await ask(target, { token: ada.access })).status, 404, target)
})

test('OPTIONS and a preflight of an allowed page → never 2xx without a token', async t => {
  const preflight = [
    `Origin: ${origin}`,
    'Access-Control-Request-Method: GET',
    'Access-Control-Request-Headers: authorization',
  ]
  for (const headers of [[], preflight]) {
    const exact = await ask(path, { method: 'OPTIONS', headers })
    t.deepEqual([exact.status, exact.headers.allow], [405, 'GET, HEAD'])
    t.is((await ask(`${path}/orders`, { method: 'OPTIONS', headers })).status, 401)
  }
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND'])
    t.is((await ask(path, { method, token: ada.access })).status, 405, method)
})

test('odd heads → never 2xx without a token', async t => {
  const good = `Authorization: Bearer ${ada.access}`
  for (const headers of [
    ['Connection: Upgrade', 'Upgrade: websocket'],
    ['Expect: 200-ok'],
    ['Authorization: Basic dXNlcjpwYXNz'],
    ['Authorization:'],
    [good, good],
    ['Proxy-Authorization: Bearer x'],
    [`X-Authorization: Bearer ${ada.access}`],
    [`Cookie: __Host-latchkey=${ada.refresh}`],
    [`X-Auth-User: ${ada.userId}`, 'X-Auth-Roles: admin'],
    ['X-HTTP-Method-Override: OPTIONS'],
    ['X-Original-URL: /livez', 'X-Rewrite-URL: /livez', 'X-Forwarded-Uri: /livez'],
  ])
    for (const target of [path, `${path}/x`]) {
      const { status } = await ask(target, { headers })
      t.true(status >= 400 && status < 500, `${headers[0]}: ${status}`)
    }
  t.is((await ask(`http://evil.example${path}`)).status, 401)
  t.is((await ask(`http://evil.example${path}/x`)).status, 401)
  const query = `${path}?access_token=${ada.access}`
  t.is((await ask(query)).status, 400)
})

test('a base path → both addresses work, and nothing below it is taken for another route', async t => {
  const { url, client } = basePathInstance
  const { access } = await anAccount(client)
  for (const target of [path, `/api${path}`]) {
    t.is((await ask(target, { url, token: access })).status, 204)
    t.is((await ask(target, { url })).status, 401)
    t.is((await ask(`${target}/x`, { url, token: access })).status, 200)
    for (const odd of ['/x', '/../../../../livez', '/api/livez'])
      t.is((await ask(`${target}${odd}`, { url, method: 'OPTIONS' })).status, 401)
  }
})

test('a hundred refused checks from one proxy → no 429, and other sessions pass', async t => {
  const bob = await anAccount(world.client)
  const replies = await Promise.all(
    Array.from({ length: 100 }, (_, i) => check(i % 2 ? undefined : 'v4.public.garbage')),
  )
  t.deepEqual([...new Set(replies.map(({ status }) => status))], [401])
  t.is((await check(bob.access)).status, 204)
})

test('more checks than the limit → 429 with Retry-After for that session only', async t => {
  const { client } = limited
  const [eve, bob] = [await anAccount(client), await anAccount(client)]
  const statuses: number[] = []
  for (let i = 0; i < 4; i++)
    statuses.push((await client.get(i % 2 ? path : `${path}/x`, { token: eve.access })).status)
  t.deepEqual(statuses, [200, 204, 200, 429])
  const { headers } = await client.get(path, { token: eve.access })
  t.true(Number(headers.get('retry-after')) > 0)
  t.is(headers.get('x-auth-user'), null)
  t.is((await client.get(path, { token: bob.access })).status, 204)
})

test('every address that an account can have → fit for a header; another one → an error', async t => {
  const user = { id: 'x', roles: ['user'], email_verified: true }
  const session = { epoch: 0, authTime: 0, amr: ['pwd'] }
  const write = (email: string) =>
    headersOfCaller({ user: { ...user, email }, sessionId: 's', session } as unknown as Parameters<
      typeof headersOfCaller
    >[0])
  for (const text of [
    "O'Neil+news@example.com",
    "!#$%&'*+/=?^_`{|}~-@example.com",
    'ada@bücher.example',
    'ada@例え.テスト',
    anEmail(),
  ]) {
    const email = canonicalEmail(text)
    t.truthy(email, text)
    t.is(write(email ?? '')['X-Auth-Email'], email ?? '')
  }
  for (const email of [
    'a,b@x.example',
    'a b@x.example',
    'a\r\nX-Auth-Roles: admin',
    'ü@x.example',
    'a\u0000',
    '',
  ])
    t.throws(() => write(email), undefined, email)

  const row = await anAccount(world.client)
  await world.sql(`UPDATE users SET email = $2 WHERE id = $1`, [row.userId, `é,${row.email}`])
  const reply = await check(row.access)
  t.is(reply.status, 500)
  t.is(reply.headers.get('x-auth-user'), null)
})

test('a machine token → 204 with X-Auth-Client and X-Auth-Scope only; role and verified refuse it', async t => {
  const machine = await aMachine(world, ['orders:read', 'orders:write'])
  const all = await machineToken(world.client, machine)
  const one = await machineToken(world.client, machine, 'orders:read')
  const { status, headers } = await check(all)
  t.is(status, 204)
  const names = Object.keys(callerHeaders).filter(name => headers.get(name.toLowerCase()) !== null)
  t.deepEqual(names, ['X-Auth-Client', 'X-Auth-Scope'])
  t.is(headers.get('x-auth-client'), machine.id)
  t.deepEqual(headers.get('x-auth-scope')?.split(' ').sort(), ['orders:read', 'orders:write'])
  t.is((await ask(`${path}/orders`, { token: all, method: 'DELETE' })).status, 200)
  for (const [token, query, expected, code] of [
    [all, '?scope=orders:read', 204],
    [all, '?scope=orders:read%20orders:write', 204],
    [one, '?scope=orders:write', 403, 'INSUFFICIENT_SCOPE'],
    [one, '?scope=orders:read%20orders:write', 403, 'INSUFFICIENT_SCOPE'],
    [all, '?scope=orders', 403, 'INSUFFICIENT_SCOPE'],
    [all, '?role=user', 403, 'FORBIDDEN'],
    [all, '?verified=true', 403, 'EMAIL_NOT_VERIFIED'],
    [all, '?role=user&scope=orders:read', 403, 'FORBIDDEN'],
  ] as const) {
    const reply = await check(token, query)
    t.deepEqual([reply.status, reply.body?.code], [expected, code], query)
  }
  t.is(
    (await check(one, '?scope=orders:write')).headers.get('www-authenticate'),
    'Bearer realm="latchkey", error="insufficient_scope", scope="orders:write"',
  )
  await world.sql('UPDATE clients SET revoked_at = now() WHERE id = $1', [machine.id])
  t.deepEqual([(await check(all)).status, (await ask(`${path}/x`, { token: all })).status], [401, 401])
})
