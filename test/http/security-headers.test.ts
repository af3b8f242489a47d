import test from 'ava'
import { codes, problemSlug } from '../../src/base/problems.ts'
import { anAccount, anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'
import { sendRaw } from './raw.ts'

const world = await openWorld({ env: { RATE_LIMITS: 'login=1/15m' } })
const account = await anAccount(world.client)
test.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const login = () => client.post('login', { email: anEmail(), password })

const replies: [what: string, status: number, ask: () => ReturnType<typeof client.get>][] = [
  ['JSON', 200, () => client.get('me', { token: account.access })],
  ['a session', 201, () => client.post('register', { email: anEmail(), password })],
  ['a page', 200, () => client.get('verify-email?token=x')],
  ['the documentation', 200, () => client.get('/docs')],
  ['the other documentation', 200, () => client.get('/redoc')],
  ['a script of it', 200, () => client.get('/docs/init.js')],
  ['the page of a problem', 200, () => client.get(`/problems/${problemSlug(codes[0] ?? 'NOT_FOUND')}`)],
  ['a redirect', 303, () => client.get('/')],
  ['nothing', 204, () => client.post('logout', { refresh_token: 'lkr_none' })],
  ['400', 400, () => client.post('register', '{')],
  ['401', 401, () => client.get('me')],
  ['404', 404, () => client.get('/nowhere')],
  ['405', 405, () => client.get('register')],
  ['413', 413, () => client.post('register', ' '.repeat(20_000))],
  ['415', 415, () => client.post('register', '{}', { headers: { 'content-type': 'text/plain' } })],
  ['401 of a login', 401, login],
  ['429', 429, login],
]

for (const [what, status, ask] of replies)
  test.serial(`${what} is guarded against sniffing, framing, leaking and downgrading`, async t => {
    const reply = await ask()
    t.is(reply.status, status)
    const header = (name: string): string => reply.headers.get(name) ?? ''
    t.is(header('x-content-type-options'), 'nosniff')
    t.is(header('x-frame-options'), 'DENY')
    t.is(header('referrer-policy'), 'no-referrer')
    t.true(Number(/max-age=(\d+)/.exec(header('strict-transport-security'))?.[1]) >= 31_536_000)
    const policy = header('content-security-policy').split(/; ?/)
    t.true(policy.includes(`default-src 'none'`))
    t.true(policy.includes(`frame-ancestors 'none'`))
    t.true(policy.includes(`base-uri 'none'`))
    t.false(/unsafe-eval|\*|script-src[^;]*unsafe/.test(policy.join('; ')))
    for (const name of ['server', 'x-powered-by', 'etag', 'set-cookie']) t.is(header(name), '', name)
  })

test('what concerns one person is kept by no cache', async t => {
  const { access, refresh } = await anAccount(client)
  const personal = [
    await client.get('me', { token: access }),
    await client.patch('me', {}, { token: access }),
    await client.post('refresh', { refresh_token: refresh }),
    await client.post('register', { email: anEmail(), password }),
    await client.get('verify-email?token=x'),
    await client.post('logout-all', undefined, { token: access }),
    await client.get('me', { token: access }),
  ]
  for (const { headers } of personal) t.is(headers.get('cache-control'), 'no-store')
})

test('a fault of ours says nothing of what we are made of', async t => {
  const broken = await openWorld({ env: { LOG_LEVEL: 'info' } })
  try {
    const email = anEmail()
    await broken.sql('ALTER TABLE users RENAME COLUMN full_name TO gone')
    const { status, headers, text, body } = await broken.client.post('login', { email, password })
    t.is(status, 500)
    t.is(headers.get('content-type'), 'application/problem+json')
    t.deepEqual(body, {
      type: '/problems/internal-error',
      title: 'Something went wrong here',
      status: 500,
      code: 'INTERNAL_ERROR',
      request_id: headers.get('x-request-id'),
    })
    t.notRegex(text, /column|users|select|node_modules|\.ts/i)
    t.is(headers.get('x-content-type-options'), 'nosniff')
    const lines = broken.logs.filter(line => line.includes(body.request_id)).join('')
    t.regex(lines, /"level":"error".*"request failed"/)
    for (const word of [email, password]) t.false(broken.logs.join('').includes(word))
  } finally {
    await broken[Symbol.asyncDispose]()
  }
})

test('what the server itself refuses names no server either', async t => {
  const { status, headers } = await sendRaw(world.url, ['NONSENSE', 'Host: x'])
  t.is(status, 400)
  t.is(headers.server, undefined)
})
