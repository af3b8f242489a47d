import { connect } from 'node:net'
import anyTest from 'ava'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openWorld } from '../../world.ts'
import { problemFault } from './problem-fault.ts'
import { type RawReply, sendRaw } from './raw-request.ts'

// Request heads that HTTP forbids or that match no route: each reply is a problem with the headers of any
// other reply, or the connection ends.

const test = anyTest.serial

const world = await openWorld()
const { access } = await anAccount(world.client)
anyTest.after.always(() => world[Symbol.asyncDispose]())

const host = 'Host: latchkey.test'
const send = (first: string, ...lines: string[]): Promise<RawReply> => sendRaw(world.url, [first, ...lines])
const codeOf = ({ body }: RawReply): unknown => (body as { code?: string } | null)?.code

/** The headers of a reply other than those of its content. */
const usualHeaders = ({ headers }: RawReply): Record<string, string> => {
  const own = [
    'content-length',
    'date',
    'x-request-id',
    'connection',
    'allow',
    'transfer-encoding',
    'keep-alive',
  ]
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !own.includes(name))
      .map(([name, value]) => [name, value.toLowerCase()] as const)
      .sort(),
  )
}

type Refused = [what: string, first: string, lines: string[], status: number, code: string]
const withoutBody = 'Content-Length: 0'
const refused: Refused[] = [
  ['no Host', 'GET /livez HTTP/1.1', [], 400, 'VALIDATION_ERROR'],
  [
    'no Host on a route with credentials',
    'GET /api/v1/auth/me HTTP/1.1',
    [`Authorization: Bearer ${access}`],
    400,
    'VALIDATION_ERROR',
  ],
  ['no Host at the root', 'GET / HTTP/1.1', [], 400, 'VALIDATION_ERROR'],
  ['no Host on an unknown path', 'GET /nowhere HTTP/1.1', [], 400, 'VALIDATION_ERROR'],
  ['no Host on an absolute target', 'GET http://latchkey.test/livez HTTP/1.1', [], 400, 'VALIDATION_ERROR'],
  [
    'no Host on a preflight',
    'OPTIONS /livez HTTP/1.1',
    ['Origin: https://a.test', 'Access-Control-Request-Method: GET'],
    400,
    'VALIDATION_ERROR',
  ],
  ['two hosts', 'GET /livez HTTP/1.1', [host, 'Host: evil.test'], 400, 'VALIDATION_ERROR'],
  ['the same host twice', 'GET /livez HTTP/1.1', [host, 'host: latchkey.test'], 400, 'VALIDATION_ERROR'],
  ['two hosts of HTTP/1.0', 'GET /livez HTTP/1.0', [host, 'HOST: evil.test'], 400, 'VALIDATION_ERROR'],
  [
    'an unknown Expect',
    'POST /api/v1/auth/login HTTP/1.1',
    [host, 'Expect: a-miracle', withoutBody],
    417,
    'EXPECTATION_FAILED',
  ],
  [
    'an empty Expect',
    'POST /api/v1/auth/login HTTP/1.1',
    [host, 'Expect:', withoutBody],
    417,
    'EXPECTATION_FAILED',
  ],
  [
    'an unknown value beside 100-continue in Expect',
    'POST /api/v1/auth/login HTTP/1.1',
    [host, 'Expect: 100-continue, a-miracle', withoutBody],
    417,
    'EXPECTATION_FAILED',
  ],
  [
    'an Expect that only contains 100-continue',
    'GET /livez HTTP/1.1',
    [host, 'Expect: x 100-continue'],
    417,
    'EXPECTATION_FAILED',
  ],
  [
    'an Expect with a parameter',
    'GET /livez HTTP/1.1',
    [host, 'Expect: 100-continue;q=1'],
    417,
    'EXPECTATION_FAILED',
  ],
  [
    'two Expect headers',
    'GET /livez HTTP/1.1',
    [host, 'Expect: 100-continue', 'Expect: 200-ok'],
    417,
    'EXPECTATION_FAILED',
  ],
  ['OPTIONS for the whole server', 'OPTIONS * HTTP/1.1', [host], 404, 'NOT_FOUND'],
  ['a target that is not a path', 'GET * HTTP/1.1', [host], 404, 'NOT_FOUND'],
  ['a target with a host of 300 letters', `GET http://${'x'.repeat(300)} HTTP/1.1`, [host], 404, 'NOT_FOUND'],
  ['an address of another scheme', 'GET mailto:x HTTP/1.1', [host], 400, 'VALIDATION_ERROR'],
  ['a CONNECT tunnel', 'CONNECT latchkey.test:443 HTTP/1.1', [host], 405, 'METHOD_NOT_ALLOWED'],
  ['a CONNECT tunnel without a host', 'CONNECT latchkey.test:443 HTTP/1.1', [], 405, 'METHOD_NOT_ALLOWED'],
  ['a method that HTTP does not know', 'FOO /livez HTTP/1.1', [host], 400, 'VALIDATION_ERROR'],
  ['a method that this service does not know', 'QUERY /livez HTTP/1.1', [host], 405, 'METHOD_NOT_ALLOWED'],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0', ['', 'SM', ''], 400, 'VALIDATION_ERROR'],
  ['another version of HTTP', 'GET /livez HTTP/3.0', [host], 400, 'VALIDATION_ERROR'],
  ['a TLS handshake', '\x16\x03\x01\x00\xa5\x01\x00\x00', [], 400, 'VALIDATION_ERROR'],
]
for (const [what, first, lines, status, code] of refused)
  test(`request head with ${what} → ${status} ${code} with the headers of every problem`, async t => {
    const reply = await send(first, ...lines)
    t.is(reply.status, status)
    t.is(codeOf(reply), code)
    t.is(problemFault(reply), null)
    const ordinary = await send('GET /nowhere HTTP/1.1', host)
    t.deepEqual(usualHeaders(reply), usualHeaders(ordinary))
    t.notRegex(reply.text, /evil|miracle/)
    t.is((await send('GET /livez HTTP/1.1', host)).status, 200, 'the next request works')
  })

test('missing or repeated Host header → the problem names the header', async t => {
  for (const hosts of [[], [host, host]]) {
    const { body } = await send('GET /livez HTTP/1.1', ...hosts)
    t.deepEqual((body as { errors: unknown }).errors, [
      { path: 'Host', rule: 'host', message: 'HTTP/1.1 asks for this header, once.' },
    ])
  }
})

const accepted: [what: string, first: string, lines: string[], status: number][] = [
  ['HTTP/1.0 without a host, as old health checks send', 'GET /livez HTTP/1.0', [], 200],
  ['HTTP/1.0 with a host', 'GET /livez HTTP/1.0', [host], 200],
  [
    'HTTP/1.0 with an Expect, which HTTP/1.0 does not know',
    'GET /livez HTTP/1.0',
    ['Expect: a-miracle'],
    200,
  ],
  ['an absolute target', 'GET http://latchkey.test/livez HTTP/1.1', [host], 200],
  [
    'an upgrade to WebSocket',
    'GET /livez HTTP/1.1',
    [host, 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    200,
  ],
  ['an upgrade to HTTP/2', 'GET /livez HTTP/1.1', [host, 'Upgrade: h2c', 'HTTP2-Settings: x'], 200],
  ['an upgrade on an unknown path', 'GET /socket HTTP/1.1', [host, 'Upgrade: websocket'], 404],
]
for (const [what, first, lines, status] of accepted)
  test(`request head with ${what} → ${status}`, async t => {
    t.is((await send(first, ...lines)).status, status)
  })

for (const expect of ['100-continue', '100-Continue', '100-continue, 100-CONTINUE'])
  test(`Expect: ${expect} → 100 Continue, then the reply`, async t => {
    const content = JSON.stringify({ email: anEmail(), password })
    const { port } = new URL(world.url)
    const socket = connect(Number(port), '127.0.0.1')
    const received = await new Promise<string>((resolve, reject) => {
      let text = ''
      socket.on('error', reject)
      socket.on('close', () => resolve(text))
      socket.on('data', chunk => {
        // The client sends its body only after the 100 Continue.
        if (text === '') socket.write(content)
        text += chunk
      })
      socket.write(
        [
          'POST /api/v1/auth/register HTTP/1.1',
          host,
          'Content-Type: application/json',
          `Content-Length: ${content.length}`,
          `Expect: ${expect}`,
          'Connection: close',
          '\r\n',
        ].join('\r\n'),
      )
    })
    t.true(received.startsWith('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 '), received.slice(0, 80))
  })

test('Expect that cannot be met → 417 without 100 Continue, and the connection closes', async t => {
  const reply = await send(
    'POST /api/v1/auth/login HTTP/1.1',
    host,
    'Content-Length: 7',
    'Expect: 100-continue, x',
  )
  t.is(reply.status, 417)
  t.is(reply.headers.connection, 'close')
})

test('clients that send CONNECT and reset the connection → the process stays alive', async t => {
  const { port } = new URL(world.url)
  await Promise.all(
    Array.from(
      { length: 20 },
      () =>
        new Promise<void>(resolve => {
          const socket = connect(Number(port), '127.0.0.1', () => {
            socket.write('CONNECT latchkey.test:443 HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3), () =>
              socket.resetAndDestroy(),
            )
          })
          socket.on('error', () => {})
          socket.on('close', () => resolve())
        }),
    ),
  )
  t.is((await world.client.get('/livez')).status, 200)
})

test('a query of 15 kB → read once, and not once for each of its parameters', async t => {
  await using local = await openLocalWorld()
  const { getAll } = URLSearchParams.prototype
  let searches = 0
  URLSearchParams.prototype.getAll = function count(name) {
    searches++
    return getAll.call(this, name)
  }
  t.teardown(() => {
    URLSearchParams.prototype.getAll = getAll
  })
  for (const path of ['auth/check', 'auth/check/role', 'admin/users', 'auth/me']) {
    const { status } = await local.client.get(`/api/v1/${path}?${'a&'.repeat(7500)}`)
    t.true(status >= 400 && status < 500, `${path}: ${status}`)
  }
  t.is(searches, 0)
})
