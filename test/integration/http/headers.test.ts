import anyTest from 'ava'
import { problemSlug } from '../../../src/platform/catalog/problem-definition.ts'
import type { Reply } from '../../client.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import type { ReplyHeaders } from '../../reply-headers.ts'
import { openWorld, type World } from '../../world.ts'
import { sendRaw } from './raw-request.ts'

// Headers of replies: request ids, security headers and CORS.

const test = anyTest.serial

const allowed = [
  'https://app.example.com',
  'http://localhost:3000',
  'capacitor://localhost',
  'chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh',
]
const requestIdWorld = await openWorld({
  env: { LOG_LEVEL: 'info', RATE_LIMITS: 'login=2/15m,register=1000/15m' },
})
const requestIdProxied = await openWorld({ env: { LOG_LEVEL: 'info', TRUSTED_PROXIES: '1' } })
const world = await openWorld({ env: { RATE_LIMITS: 'login=1/15m' } })
const account = await anAccount(world.client)
const crossOriginWorld = await openWorld({
  env: { CORS_ORIGINS: allowed.join(', '), RATE_LIMITS: 'login=1/15m,register=1000/15m' },
})
const withoutOrigins = await openWorld()
const crossOriginAccount = await anAccount(crossOriginWorld.client)
anyTest.after.always(async () => {
  for (const each of [requestIdWorld, requestIdProxied, world, crossOriginWorld, withoutOrigins])
    await each[Symbol.asyncDispose]()
})

{
  const world = requestIdWorld
  const proxied = requestIdProxied
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
  const idOf = ({ headers }: Reply): string => headers.get('x-request-id') ?? ''

  /** The log lines that a request wrote, parsed. */
  const logsOf = async ({ logs, logMark }: World, ask: () => Promise<Reply>) => {
    const before = await logMark()
    const reply = await ask()
    return { reply, lines: (await logs(before)).map(line => JSON.parse(line)) }
  }

  const email = anEmail()
  const register = () => world.client.post('register', { email, password })
  const login = () => world.client.post('login', { email, password: 'wrong horse 9' })
  const asks: [status: number, route: string | null, ask: () => Promise<Reply>][] = [
    [201, '/api/v1/auth/register', register],
    [409, '/api/v1/auth/register', register],
    [401, '/api/v1/auth/login', login],
    [401, '/api/v1/auth/login', login],
    [429, '/api/v1/auth/login', login],
    [401, '/api/v1/auth/me', () => world.client.get('me')],
    [400, '/api/v1/auth/login', () => world.client.post('login', '{')],
    [200, '/api/v1/auth/verify-email', () => world.client.get('verify-email?token=a-canary-in-an-address')],
    [404, null, () => world.client.get('/a-canary-in-an-address')],
    [405, null, () => world.client.get('login')],
  ]

  for (const [i, [status, route, ask]] of asks.entries())
    test(`${i}: ${status} of ${route} → every log line has the request id, and one reports the end`, async t => {
      const { reply, lines } = await logsOf(world, ask)
      t.is(reply.status, status)
      t.regex(idOf(reply), uuid)
      if (reply.body?.code) t.is(reply.body.request_id, idOf(reply))
      for (const line of lines) {
        t.is(line.request_id, idOf(reply))
        t.regex(line.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
      }
      const ends = lines.filter(({ msg }) => msg === 'request')
      t.is(ends.length, 1)
      t.like(ends[0], { status })
      if (status !== 405) t.is(ends[0].route, route)
      t.is(typeof ends[0].ms, 'number')
      t.notRegex(JSON.stringify(lines), /canary|example\.com|horse/)
    })

  test('log lines of a flow → contain the request id of the reply', async t => {
    const { refresh } = await anAccount(world.client)
    const again = () => world.client.post('refresh', { refresh_token: refresh })
    t.is((await again()).status, 200)
    await world.travel(world.clock.shift + 11_000)
    const { reply, lines } = await logsOf(world, again)
    t.is(reply.status, 401)
    t.deepEqual(
      lines.map(({ msg, request_id }) => [msg, request_id]),
      [
        ['a refresh token was reused: the session has ended', idOf(reply)],
        ['request', idOf(reply)],
      ],
    )
  })

  test('fifty concurrent requests → fifty different request ids', async t => {
    const ids = await Promise.all(
      Array.from({ length: 50 }, async () => idOf(await world.client.get('/livez'))),
    )
    t.is(new Set(ids).size, 50)
  })

  test('X-Request-Id without a trusted proxy → ignored', async t => {
    const reply = await world.client.get('/nowhere', { headers: { 'x-request-id': 'chosen-by-a-client' } })
    t.regex(idOf(reply), uuid)
    t.false((await world.logs()).join('').includes('chosen-by-a-client'))
  })

  test('X-Request-Id from a trusted proxy → used if well-formed, replaced otherwise', async t => {
    const ask = (id: string) => proxied.client.get('/nowhere', { headers: { 'x-request-id': id } })
    for (const id of ['0123456789abcdef', 'req_A-1_b2', 'x'.repeat(64)]) {
      const { reply, lines } = await logsOf(proxied, () => ask(id))
      t.is(idOf(reply), id)
      t.is(reply.body.request_id, id)
      t.true(lines.length > 0 && lines.every(({ request_id }) => request_id === id))
    }
    for (const id of [
      'short',
      'x'.repeat(65),
      'with space',
      'a"b<c>defg',
      'é'.repeat(10),
      '',
      '../../../etc',
    ])
      t.regex(idOf(await ask(id)), uuid, id)
  })
}

{
  const { client } = world
  const login = () => client.post('login', { email: anEmail(), password })

  const replies: [what: string, status: number, ask: () => ReturnType<typeof client.get>][] = [
    ['JSON', 200, () => client.get('me', { token: account.access })],
    ['a session', 201, () => client.post('register', { email: anEmail(), password })],
    ['a page', 200, () => client.get('verify-email?token=x')],
    ['the documentation', 200, () => client.get('/docs')],
    ['the other documentation', 200, () => client.get('/redoc')],
    ['a script of the documentation', 200, () => client.get('/docs/init.js')],
    ['the page of a problem', 200, () => client.get(`/problems/${problemSlug('VALIDATION_ERROR')}`)],
    ['a redirect', 303, () => client.get('/')],
    ['an empty reply', 204, () => client.post('logout', { refresh_token: 'lkr_none' })],
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
    test(`reply ${what} → security headers against sniffing, framing, referrers and plain http`, async t => {
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

  test('replies with personal data → cache-control no-store', async t => {
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

  test('internal error → 500 without details of the implementation, logged without secrets', async t => {
    const broken = await openWorld({ env: { LOG_LEVEL: 'info' } })
    try {
      const email = anEmail()
      await broken.sql('ALTER TABLE users RENAME COLUMN full_name TO gone')
      const { status, headers, text, body } = await broken.client.post('login', { email, password })
      t.is(status, 500)
      t.is(headers.get('content-type'), 'application/problem+json')
      t.deepEqual(body, {
        type: '/problems/internal-error',
        title: 'Internal error',
        status: 500,
        code: 'INTERNAL_ERROR',
        request_id: headers.get('x-request-id'),
      })
      t.notRegex(text, /column|users|select|node_modules|\.ts/i)
      t.is(headers.get('x-content-type-options'), 'nosniff')
      const lines = (await broken.logs()).filter(line => line.includes(body.request_id)).join('')
      t.regex(lines, /"level":"error".*"request failed"/)
      const logged = (await broken.logs()).join('')
      for (const word of [email, password]) t.false(logged.includes(word))
    } finally {
      await broken[Symbol.asyncDispose]()
    }
  })

  test('malformed request refused by the HTTP server → no Server header', async t => {
    const { status, headers } = await sendRaw(world.url, ['NONSENSE', 'Host: x'])
    t.is(status, 400)
    t.is(headers.server, undefined)
  })
}

{
  const world = crossOriginWorld
  const account = crossOriginAccount
  const foreignOrigins = [
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
    'capacitor://localhost:1',
    'capacitor://localhost.evil.test',
    'ionic://localhost',
    'chrome-extension://aaaabbbbccccddddeeeeffffgggghhh',
    '*',
    'undefined',
  ]

  const corsHeaders = (headers: ReplyHeaders): string[] =>
    [...headers.keys()].filter(name => name.startsWith('access-control-'))
  const varies = (headers: ReplyHeaders): boolean => /(^|, )Origin(,|$)/i.test(headers.get('vary') ?? '')
  const preflight = (origin: string, client = world.client, method = 'PATCH', path = 'me') =>
    client.send('OPTIONS', path, {
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type',
      },
    })

  for (const origin of allowed)
    test(`allowed origin ${origin} → may call the API and read its headers`, async t => {
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

  for (const origin of foreignOrigins)
    test(`origin ${origin} not in CORS_ORIGINS → no CORS headers`, async t => {
      const replies = [
        await world.client.get('me', { token: account.access, headers: { origin } }),
        await world.client.get('/nowhere', { headers: { origin } }),
        await preflight(origin),
      ]
      for (const { headers } of replies) {
        t.deepEqual(corsHeaders(headers), [])
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
    test(`preflight for ${method} ${path.slice(0, 8)} → allowed with credentials for exact origins only`, async t => {
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
      t.deepEqual(corsHeaders(headers), [])
      t.true(varies(headers))
    })

  const granted = async (origin: string, names: string, more: Record<string, string> = {}) => {
    const { status, headers } = await world.client.send('OPTIONS', 'login', {
      headers: {
        origin,
        'access-control-request-method': 'POST',
        ...(names && { 'access-control-request-headers': names }),
        ...more,
      },
    })
    t204(status)
    const allowedNames = headers.get('access-control-allow-headers')
    return { names: allowedNames === null ? null : allowedNames.toLowerCase().split(', '), headers }
  }
  const t204 = (status: number): void => {
    if (status !== 204) throw new Error(`a preflight was answered ${status}`)
  }

  test('preflight that asks for tracing headers → all are granted with the usual ones', async t => {
    const [origin = ''] = allowed
    const usual = ['authorization', 'content-type', 'idempotency-key']
    const traced = ['sentry-trace', 'baggage', 'traceparent', 'tracestate', 'x-request-id', 'x-b3-traceid']
    for (const asked of [['content-type', ...traced].join(','), ` ${traced.join(' ,\t')} ,content-type`])
      t.deepEqual((await granted(origin, asked)).names, [...usual, ...traced])
    t.deepEqual((await granted(origin, '')).names, usual)
    for (const other of allowed) t.true((await granted(other, 'x-any')).names?.includes('x-any'))
  })

  test('preflight with invalid header names → not repeated in the reply', async t => {
    const [origin = ''] = allowed
    const { names } = await granted(
      origin,
      'x-good, x bad, <script>, x:y, "q", \xA0x-odd, , *, x'.padEnd(40, 'x'),
    )
    t.deepEqual(names?.slice(3, 5), ['x-good', '*'])
    t.false(names?.some(name => /[^\w*-]/.test(name)))
    const many = Array.from({ length: 200 }, (_, i) => `x-${i}`).join(',')
    t.is((await granted(origin, many)).names?.length, 3)
    t.is((await granted(origin, `x-${'y'.repeat(5000)}`)).names?.length, 3)
  })

  test('preflight from an origin not in CORS_ORIGINS → no header is granted', async t => {
    for (const origin of foreignOrigins) t.is((await granted(origin, 'sentry-trace')).names, null, origin)
  })

  test('preflight → varies by origin and requested headers, and allows private networks', async t => {
    const [origin = ''] = allowed
    const { headers } = await granted(origin, 'x-a', { 'access-control-request-private-network': 'true' })
    const vary = (headers.get('vary') ?? '').toLowerCase().split(', ')
    for (const name of ['origin', 'access-control-request-headers', 'access-control-request-method'])
      t.true(vary.includes(name), name)
    t.is(headers.get('access-control-allow-private-network'), 'true')
    t.is(headers.get('access-control-max-age'), '600')
    const foreign = await granted('https://evil.test', 'x-a', {
      'access-control-request-private-network': 'true',
    })
    t.is(foreign.headers.get('access-control-allow-private-network'), null)
  })

  test('headers named in openapi.json → exposed to allowed origins', async t => {
    const { body } = await world.client.get('/openapi.json')
    const { headers } = await world.client.get('me', { headers: { origin: allowed[0] ?? '' } })
    const exposed = (headers.get('access-control-expose-headers') ?? '').toLowerCase().split(/, ?/)
    // Browsers show the first two to every page, and Set-Cookie to none.
    const always = ['cache-control', 'content-type', 'set-cookie']
    type Described = { responses: Record<string, { headers?: object }> }
    const operations = Object.values(body.paths as Record<string, Record<string, Described>>).flatMap(
      Object.values,
    )
    const named = operations
      .flatMap(({ responses }: Described) => Object.values(responses))
      .flatMap(({ headers = {} }) => Object.keys(headers))
      .map(name => name.toLowerCase())
    t.true(named.includes('retry-after'))
    // Proxies ask who sends a request and read `X-Auth-*`. Browsers do not.
    const forScripts = [...new Set(named)].filter(name => !name.startsWith('x-auth-'))
    t.deepEqual(
      forScripts.filter(name => !exposed.includes(name) && !always.includes(name)),
      [],
    )
  })

  test('refusals → readable by allowed origins', async t => {
    const origin = allowed[0] ?? ''
    const { client } = world
    const login = () =>
      client.post('login', { email: 'a@example.com', password: 'x' }, { headers: { origin } })
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

  test('request without an Origin → varies by Origin and has no CORS headers', async t => {
    const { headers } = await world.client.get('/.well-known/paseto-keys')
    t.true(varies(headers))
    t.deepEqual(corsHeaders(headers), [])
  })

  test('empty CORS_ORIGINS → no CORS headers for any origin', async t => {
    for (const origin of [...allowed, ...foreignOrigins, '']) {
      t.deepEqual(
        corsHeaders((await withoutOrigins.client.get('/livez', { headers: { origin } })).headers),
        [],
      )
      t.deepEqual(corsHeaders((await preflight(origin, withoutOrigins.client)).headers), [])
    }
  })
}
