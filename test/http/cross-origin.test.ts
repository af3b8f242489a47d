import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const allowed = ['https://app.example.com', 'http://localhost:3000']
const world = await openWorld({
  env: { CORS_ORIGINS: allowed.join(', '), RATE_LIMITS: 'login=1/15m,register=1000/15m' },
})
const closed = await openWorld()
const account = await anAccount(world.client)
test.after.always(async () => {
  await world[Symbol.asyncDispose]()
  await closed[Symbol.asyncDispose]()
})

const strangers = [
  'null',
  'https://app.example.com.evil.test',
  'https://evilapp.example.com',
  'https://example.com',
  'https://sub.app.example.com',
  'https://app.example.com:444',
  'https://app.example.com:443',
  'http://app.example.com',
  'https://APP.example.com',
  'https://app.example.com/',
  'https://app.example.com/x',
  'https://app.example.com@evil.test',
  'https://app.example.com, https://evil.test',
  'https://app.example.comevil.test',
  'https://app-example.com',
  'http://localhost:30000',
  'http://localhost',
  'http://127.0.0.1:3000',
  'file://',
  '*',
  'undefined',
]

const given = (headers: Headers): string[] =>
  [...headers.keys()].filter(name => name.startsWith('access-control-'))
const varies = (headers: Headers): boolean => /(^|, )Origin(,|$)/i.test(headers.get('vary') ?? '')
const preflight = (origin: string, client = world.client, method = 'PATCH', path = 'me') =>
  client.send('OPTIONS', path, {
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization,content-type',
    },
  })

for (const origin of allowed)
  test(`${origin} may call, and read what it needs`, async t => {
    const { status, headers } = await world.client.get('me', { token: account.access, headers: { origin } })
    t.is(status, 200)
    t.is(headers.get('access-control-allow-origin'), origin)
    t.is(headers.get('access-control-allow-credentials'), 'true')
    t.true(varies(headers))
    const exposed = (headers.get('access-control-expose-headers') ?? '').toLowerCase()
    for (const name of ['retry-after', 'ratelimit', 'ratelimit-policy', 'www-authenticate', 'x-request-id'])
      t.true(exposed.split(/, ?/).includes(name), name)

    const asked = await preflight(origin)
    t.is(asked.status, 204)
    t.is(asked.headers.get('access-control-allow-origin'), origin)
    t.true(varies(asked.headers))
    t.regex(asked.headers.get('access-control-allow-methods') ?? '', /\bPATCH\b/)
    t.regex(asked.headers.get('access-control-allow-headers') ?? '', /Authorization.*Content-Type/i)
    t.true(Number(asked.headers.get('access-control-max-age')) > 0)
  })

for (const origin of strangers)
  test(`${origin} is nobody that was named`, async t => {
    const replies = [
      await world.client.get('me', { token: account.access, headers: { origin } }),
      await world.client.get('/nowhere', { headers: { origin } }),
      await preflight(origin),
    ]
    for (const { headers } of replies) {
      t.deepEqual(given(headers), [])
      t.true(varies(headers))
    }
  })

const asked: [method: string, path: string][] = [
  ['PATCH', 'me'],
  ['PUT', 'me'],
  ['DELETE', 'me'],
  ['DELETE', 'sessions/00000000-0000-7000-8000-000000000000'],
  ['POST', 'refresh'],
]
for (const [method, path] of asked)
  test(`${method} ${path.slice(0, 8)} may be asked with cookies by the origins named, each by its exact name`, async t => {
    for (const origin of allowed) {
      const { status, headers } = await preflight(origin, world.client, method, path)
      t.is(status, 204)
      t.is(headers.get('access-control-allow-origin'), origin)
      t.is(headers.get('access-control-allow-credentials'), 'true')
      const methods = (headers.get('access-control-allow-methods') ?? '').split(/, ?/)
      t.true(methods.includes(method))
      t.false(methods.includes('*'))
      t.true(varies(headers))
    }
    const { headers } = await preflight('https://app.example.com.evil.test', world.client, method, path)
    t.deepEqual(given(headers), [])
    t.true(varies(headers))
  })

test('refusals can be read by the origins that may call', async t => {
  const origin = allowed[0] ?? ''
  const { client } = world
  const login = () => client.post('login', { email: 'a@example.com', password: 'x' }, { headers: { origin } })
  const replies = [
    await client.get('me', { headers: { origin } }),
    await client.get('/nowhere', { headers: { origin } }),
    await client.post('me', {}, { headers: { origin } }),
    await client.post('login', '{', { headers: { origin } }),
    await client.post('login', '{}', { headers: { origin, 'content-type': 'text/plain' } }),
    await client.post('login', ' '.repeat(17_000), { headers: { origin } }),
    await login(),
    await login(),
  ]
  t.deepEqual(
    replies.map(({ status }) => status),
    [401, 404, 405, 400, 415, 413, 401, 429],
  )
  for (const { headers, status } of replies) {
    t.is(headers.get('access-control-allow-origin'), origin, String(status))
    t.is(headers.get('access-control-allow-credentials'), 'true')
    t.true(varies(headers))
  }
})

test('what is not asked across origins still says that it would depend on that', async t => {
  const { headers } = await world.client.get('/.well-known/paseto-keys')
  t.true(varies(headers))
  t.deepEqual(given(headers), [])
})

test('with no origin named nobody may call', async t => {
  for (const origin of [...allowed, ...strangers, '']) {
    t.deepEqual(given((await closed.client.get('/livez', { headers: { origin } })).headers), [])
    t.deepEqual(given((await preflight(origin, closed.client)).headers), [])
  }
})
