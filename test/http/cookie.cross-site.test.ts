import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'
import { sendRaw } from './raw.ts'

const app = 'https://app.example.com'
const world = await openWorld({ env: { CORS_ORIGINS: app } })
test.after.always(() => world[Symbol.asyncDispose]())

const { client, deps } = world
const json = 'Content-Type: application/json'
const us = 'Origin: http://latchkey.test'

// Bytes as a browser would send them that a foreign page has told to.
const send = (path: string, refresh: string, lines: string[], content = '') =>
  sendRaw(
    world.url,
    [
      `POST /api/v1/auth/${path} HTTP/1.1`,
      'Host: latchkey.test',
      `Cookie: __Host-latchkey=${refresh}`,
      `Content-Length: ${content.length}`,
      ...lines,
    ],
    content,
  )

type Attack = [what: string, lines: string[], status: 403 | 415, content?: string]

const origins = [
  'https://evil.test',
  'null',
  '',
  'https://latchkey.test',
  'http://latchkey.test.evil.test',
  'http://evil-latchkey.test',
  'http://evil.latchkey.test',
  'http://test',
  'http://latchkey.test:80',
  'http://latchkey.test:8080',
  'http://latchkey.test/',
  'http://latchkey.test@evil.test',
  'http://LATCHKEY.test',
  'http://latchkey.test, https://evil.test',
  'http://app.example.com',
  'https://app.example.com.evil.test',
  'https://evilapp.example.com',
  'https://sub.app.example.com',
  'https://example.com',
  'https://app.example.com:444',
]
const form = 'refresh_token=x&a=b'
const attacks: Attack[] = [
  ...origins.map((origin): Attack => [`Origin: ${origin}`, [json, `Origin: ${origin}`], 403, '{}']),
  [
    'a foreign Origin that says same-origin',
    [json, 'Origin: https://evil.test', 'Sec-Fetch-Site: same-origin'],
    403,
  ],
  ['two origins, ours first', [json, us, 'Origin: https://evil.test'], 403],
  ['no Origin', [json], 403],
  ...['cross-site', 'same-site', 'none', 'Same-Origin', 'same-origin, cross-site', ''].map(
    (site): Attack => [`no Origin and Sec-Fetch-Site: ${site}`, [json, `Sec-Fetch-Site: ${site}`], 403],
  ),
  [
    'no Origin, but a Referer and a Host of ours',
    [json, 'Referer: http://latchkey.test/', 'X-Forwarded-Host: latchkey.test'],
    403,
  ],
  ['text that reads as JSON', ['Content-Type: text/plain', us], 415, '{}'],
  ['text that names JSON', ['Content-Type: text/plain; application/json', us], 415, '{}'],
  ['a form', ['Content-Type: application/x-www-form-urlencoded', us], 415, form],
  ['a form with files', ['Content-Type: multipart/form-data; boundary=x', us], 415, '--x--'],
  ['content of no type', [us], 415, '{}'],
  ['text without content', ['Content-Type: text/plain', us], 403],
  ['a form without content', ['Content-Type: application/x-www-form-urlencoded', us], 403],
  ['nothing at all', [us], 403],
  ['a form from elsewhere', ['Content-Type: text/plain', 'Origin: https://evil.test'], 415, '{"a":"="}'],
]

for (const path of ['refresh', 'logout'])
  test(`no foreign page makes a browser ${path} by its cookie`, async t => {
    const account = await anAccount(client)
    const key = deps.keys.session(account.userId, account.sessionId)
    const before = await deps.redis.hgetall(key)
    for (const [what, lines, status, content] of attacks) {
      const reply = await send(path, account.refresh, lines, content)
      t.is(reply.status, status, what)
      const code = status === 403 ? 'FORBIDDEN' : 'UNSUPPORTED_MEDIA_TYPE'
      t.is((reply.body as { code: string }).code, code, what)
      t.false('set-cookie' in reply.headers, what)
    }
    t.deepEqual(await deps.redis.hgetall(key), before, 'not even rotated')
    const refreshed = await send('refresh', account.refresh, [json, us])
    t.is(refreshed.status, 200)
  })

const welcome: [what: string, lines: string[]][] = [
  ['the origin of the API itself', [json, us]],
  ['an origin that was named', [json, `Origin: ${app}`, 'Sec-Fetch-Site: cross-site']],
  ['the same origin, where the browser says no more', [json, 'Sec-Fetch-Site: same-origin']],
  ['JSON in other letters', ['Content-Type: Application/JSON; charset=UTF-8', us]],
]
for (const [what, lines] of welcome)
  test(`a page may refresh and log out by its cookie: ${what}`, async t => {
    const account = await anAccount(client)
    for (const content of ['', '{}']) {
      const { refresh } = await anAccount(client)
      t.is((await send('refresh', refresh, lines, content)).status, 200)
    }
    t.is((await send('logout', account.refresh, lines)).status, 204)
    t.is((await client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
    t.is((await send('refresh', account.refresh, lines)).status, 401)
  })

test('a bearer ends their own session, and not that of the cookie that a foreign page added', async t => {
  const [bearer, victim] = [await anAccount(client), await anAccount(client)]
  const authorization = `Authorization: Bearer ${bearer.access}`
  const reply = await send('logout', victim.refresh, [authorization, json, 'Origin: https://evil.test'])
  t.is(reply.status, 204)
  t.is((await client.get('me', { token: bearer.access })).body.code, 'SESSION_REVOKED')
  t.is((await client.get('me', { token: victim.access })).status, 200)
  t.is((await client.post('refresh', { refresh_token: victim.refresh })).status, 200)
})

test('a bad access token does not help a foreign page to the session of the cookie', async t => {
  const victim = await anAccount(client)
  for (const path of ['refresh', 'logout'])
    await send(path, victim.refresh, ['Authorization: Bearer v4.public.x', json, 'Origin: https://evil.test'])
  t.is((await client.get('me', { token: victim.access })).status, 200)
  t.is((await client.post('refresh', { refresh_token: victim.refresh })).status, 200)
})

test('the cookie opens nothing but refresh and logout', async t => {
  const { refresh } = await anAccount(client)
  const headers = { cookie: `__Host-latchkey=${refresh}`, origin: 'http://latchkey.test' }
  const replies = [
    await client.get('me', { headers }),
    await client.get('sessions', { headers }),
    await client.post('logout-all', {}, { headers }),
    await client.patch('me', { full_name: 'Eve' }, { headers }),
    await client.send('DELETE', 'me', { body: { password: 'x' }, headers }),
  ]
  for (const { body } of replies) t.is(body.code, 'AUTH_ERROR')
})

test('a foreign page cannot sign a browser in to an account of its choice', async t => {
  const { email, password } = await anAccount(client)
  const body = JSON.stringify({ email, password, token_transport: 'cookie' })
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    const reply = await send('login', '', [`Content-Type: ${type}`, 'Origin: https://evil.test'], body)
    t.is(reply.status, 415, type)
    t.false('set-cookie' in reply.headers)
  }
})
