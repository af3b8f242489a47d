import anyTest from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { aMachine, machineToken } from '../clients/machine.ts'
import { sendRaw } from '../http/raw-request.ts'
import { type Fault, openGuardedApp, type ProxyName, programOf } from './guarded-app.ts'

// The configurations of `examples/` in the real programs. No header that says who sends a request comes from outside, and no
// request passes that Latchkey did not allow.

const test = anyTest.serial
const world = await openWorld()
const [ada, admin] = [await anAccount(world.client), await anAdmin(world)]
const machine = await aMachine(world, ['orders:read'])
const machineAccess = await machineToken(world.client, machine)
const stack = new AsyncDisposableStack()

const forged = (value: string): string[] =>
  [
    ...[
      'X-Auth-User',
      'x-auth-user',
      'X-AUTH-USER',
      'X_Auth_User',
      'X-Auth_User',
      'X_AUTH-USER',
      'x_auth_user',
    ],
    ...['X-Auth-Roles', 'X_Auth_Roles', 'X-Auth-Email', 'X-Auth-Email-Verified', 'X_Auth_Email_Verified'],
    ...[
      'X-Auth-Email_Verified',
      'X-Auth-Session',
      'X-Auth-Acr',
      'X-Auth-Client',
      'X_Auth_Client',
      'X-Auth-Scope',
    ],
  ].map(name => `${name}: ${value}`)

const names: ProxyName[] = ['nginx', 'caddy']
// Opened at top level, because AVA requires that all tests are declared synchronously.
const proxies = await Promise.all(
  names.map(async name => {
    const program = programOf(name)
    return { name, guarded: program && stack.use(await openGuardedApp(name, program, world.url)) }
  }),
)
anyTest.after.always(async () => {
  await stack.disposeAsync()
  await world[Symbol.asyncDispose]()
})

for (const { name, guarded } of proxies) {
  if (!guarded) {
    test(`${name} is not installed → its configuration is not tested here`, t => {
      t.log(`${name} is not installed: examples/${name} was not tested. Install it to run these tests.`)
      t.not(process.env.TEST_PROXIES, 'required')
    })
    continue
  }

  const { url, seen, asked, fail } = guarded

  type Given = { token?: string | undefined; lines?: string[]; body?: string }
  const ask = async (request: string, { token, lines = [], body = '' }: Given = {}) => {
    seen.length = 0
    asked.length = 0
    return sendRaw(
      url,
      [
        `${request} HTTP/1.1`,
        'Host: app.test',
        ...(token ? [`Authorization: Bearer ${token}`] : []),
        ...lines,
      ],
      body,
    )
  }
  /** The headers about the caller that reached the application, in any spelling, also from trailers. */
  const identity = () => {
    const [one] = seen
    const trailers = (one?.trailers ?? []).map((name): [string, string] => [
      name.toLowerCase(),
      'in a trailer',
    ])
    return [...(one?.headers ?? []), ...trailers].filter(([name]) => /auth/.test(name)).sort()
  }
  const identityOf = ({ userId, email, sessionId }: typeof ada, roles = 'user') => [
    ['x-auth-acr', 'aal1'],
    ['x-auth-email', email],
    ['x-auth-email-verified', 'false'],
    ['x-auth-roles', roles],
    ['x-auth-session', sessionId],
    ['x-auth-user', userId],
  ]

  test(`${name}: a valid token → the application gets the caller, and no token`, async t => {
    const reply = await ask('GET /orders/1?a=b&role=admin', { token: ada.access })
    t.deepEqual([reply.status, reply.text.includes('from the application')], [200, true])
    t.is(seen[0]?.url, '/orders/1?a=b&role=admin')
    t.deepEqual(identity(), identityOf(ada))
    await ask('GET /', { token: admin.access })
    t.deepEqual(identity(), identityOf(admin, 'user,admin'))
    await ask('GET /', { token: machineAccess })
    t.deepEqual(identity(), [
      ['x-auth-client', machine.id],
      ['x-auth-scope', 'orders:read'],
    ])
  })

  test(`${name}: forged X-Auth headers in every spelling → none reaches the application`, async t => {
    for (const [token, expected] of [
      [ada.access, identityOf(ada)],
      [
        machineAccess,
        [
          ['x-auth-client', machine.id],
          ['x-auth-scope', 'orders:read'],
        ],
      ],
    ] as const) {
      const lines = [...forged('admin'), ...forged('root'), ...forged('')]
      const reply = await ask('GET /', { token, lines })
      t.is(reply.status, 200)
      t.deepEqual(identity(), expected as [string, string][])
    }
    await ask('GET /', { token: ada.access, lines: ['Connection: X-Auth-User', 'X-Auth-User: admin'] })
    t.deepEqual(identity(), identityOf(ada), 'a hop-by-hop header')
  })

  test(`${name}: forged X-Auth headers in trailers → none reaches the application`, async t => {
    const body = '5\r\nhello\r\n0\r\nX-Auth-User: admin\r\nX-Auth-Roles: admin\r\n\r\n'
    const lines = ['Transfer-Encoding: chunked', 'Trailer: X-Auth-User, X-Auth-Roles', 'TE: trailers']
    const reply = await ask('POST /', { token: ada.access, lines, body })
    t.is(reply.status, 200)
    t.is(seen[0]?.body, 'hello')
    t.deepEqual(identity(), identityOf(ada))
  })

  test(`${name}: no, forged or ended credentials → 401 with the challenge, and nothing passes`, async t => {
    const eve = await anAccount(world.client)
    t.is((await ask('GET /', { token: eve.access })).status, 200)
    await world.client.post('logout', {}, { token: eve.access })
    for (const token of [
      undefined,
      `${ada.access.slice(0, 40)}A${ada.access.slice(41)}`,
      ada.refresh,
      eve.access,
    ])
      for (const request of ['GET /', 'HEAD /', 'POST /orders', 'DELETE /orders/1', 'OPTIONS /'])
        for (const lines of [[], forged('admin'), ['Upgrade: websocket', 'Connection: Upgrade']]) {
          const reply = await ask(request, { token, lines: [...lines, 'Content-Length: 0'] })
          t.is(reply.status, 401, `${request} ${lines[0]}`)
          t.regex(reply.headers['www-authenticate'] ?? '', /^Bearer realm="latchkey"/)
          t.is(seen.length, 0)
        }
  })

  test(`${name}: two Authorization headers, or another scheme → no pass, or the checked caller only`, async t => {
    for (const lines of [
      ['Authorization: Basic YTpi'],
      ['Authorization:'],
      [`Authorization: Bearer ${admin.access}x`, `Authorization: Bearer ${ada.access}`],
      [`Authorization: Bearer ${ada.access}`, `Authorization: Bearer ${admin.access}`],
    ]) {
      const reply = await ask('GET /', { lines })
      if (reply.status === 200) t.deepEqual(identity(), identityOf(ada))
      else t.true([400, 401].includes(reply.status), String(reply.status))
    }
  })

  test(`${name}: POST with a body → the application gets it, Latchkey gets a GET without body and cookie`, async t => {
    const body = 'x'.repeat(100_000)
    const lines = [
      'Content-Type: text/plain',
      `Content-Length: ${body.length}`,
      'Cookie: session=secret',
      'X-HTTP-Method-Override: OPTIONS',
      'X-Original-Method: OPTIONS',
    ]
    const reply = await ask('POST /orders', { token: ada.access, lines, body })
    t.is(reply.status, 200)
    t.like(seen[0], { method: 'POST', url: '/orders' })
    t.true(seen[0]?.body === body)
    t.like(asked[0], { method: 'GET', url: '/api/v1/auth/check', body: '' })
    t.is(asked.length, 1)
    t.deepEqual(
      asked[0]?.headers.filter(([name]) => name === 'cookie'),
      [],
    )
    const head = await ask('HEAD /orders', { token: ada.access })
    t.deepEqual([head.status, head.text, seen[0]?.method], [200, '', 'HEAD'])
  })

  test(`${name}: cookies of 6 kB → the request passes; headers of 100 kB → 4xx`, async t => {
    const cookies = ['a', 'b'].map(name => `Cookie: ${name}=${'x'.repeat(6000)}`)
    t.is((await ask('GET /', { token: ada.access, lines: cookies })).status, 200)
    const huge = Array.from({ length: 15 }, (_, i) => `X-${i}: ${'x'.repeat(7000)}`)
    for (const lines of [huge, [`Authorization: Bearer ${'A'.repeat(7000)}`]]) {
      const { status } = await ask('GET /', { lines })
      t.true(status >= 400 && status < 500, String(status))
      t.is(seen.length, 0)
    }
  })

  test(`${name}: paths that point elsewhere → the check is asked, and nothing passes without a token`, async t => {
    for (const path of [
      '/_latchkey_check',
      '/..%2f',
      '/%2e%2e/x',
      '//x',
      '/a/../b',
      '/.',
      '/x%00',
      '/api/v1/auth/check',
    ]) {
      const { status } = await ask(`GET ${path}`)
      t.true([400, 401, 404].includes(status), `${path} ${status}`)
      t.is(seen.length, 0, path)
    }
  })

  test(`${name}: Latchkey refuses, fails or is down → nothing passes, and the status says why`, async t => {
    const challenge = 'Bearer realm="latchkey", error="insufficient_scope"'
    const cases: [Fault, number[]][] = [
      [{ status: 403, headers: { 'www-authenticate': challenge } }, [403]],
      [{ status: 503, headers: { 'retry-after': '2' } }, [503]],
      [{ status: 429, headers: { 'retry-after': '7' } }, [429]],
      [{ status: 400 }, [400]],
      [{ status: 404 }, [404, 503]],
      [{ status: 500 }, [500, 503]],
      [{ status: 303, headers: { location: '/docs' } }, [303, 503]],
      ['reset', [502, 503]],
    ]
    for (const [how, expected] of cases) {
      fail(how)
      const reply = await ask('POST /orders', { token: ada.access, lines: ['Content-Length: 0'] })
      t.true(expected.includes(reply.status), `${JSON.stringify(how)} ${reply.status}`)
      t.is(seen.length, 0)
      if (how === 'reset') continue
      const { 'www-authenticate': sent, 'retry-after': retryAfter } = how.headers ?? {}
      if (sent) t.is(reply.headers['www-authenticate'], sent)
      if (retryAfter) t.is(reply.headers['retry-after'], retryAfter)
    }
    fail(null)
    t.is((await ask('GET /', { token: ada.access })).status, 200)
  })
}
