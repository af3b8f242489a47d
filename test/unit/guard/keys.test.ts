import type { RequestListener, ServerResponse } from 'node:http'
import { mock } from 'node:test'
import { gzipSync } from 'node:zlib'
import anyTest, { type ExecutionContext } from 'ava'
import { optionalAuth, requireAuth } from '../../../packages/guard/src/express.ts'
import { fetchIssuer } from '../../../packages/guard/src/fetch-issuer.ts'
import { freshFor } from '../../../packages/guard/src/fetch-keys.ts'
import { TokenError } from '../../../packages/guard/src/token-error.ts'
import { createVerifier, type Verifier, type VerifierOptions } from '../../../packages/guard/src/verifier.ts'
import { generateKey } from '../../../src/platform/crypto/paseto-keys.ts'
import { openKeyServer, signAs, type TestKey, userClaims } from '../../token-issuer.ts'
import { until } from '../../until.ts'

// How a guard gets the keys of its issuer: rarely, in the background, and not from an attacker.

// These tests move the clock of this process, so they run one at a time.
const test = anyTest.serial
mock.timers.enable({ apis: ['Date'], now: Date.now() })
anyTest.after.always(() => mock.timers.reset())

const sign = (key: TestKey, issuer: string): string => signAs(key, userClaims(issuer), { life: 86_400 })
const published = ({ kid, paserkPublic }: TestKey) => ({ kid, paserk: paserkPublic })

/** How the verifier answers: `ok`, or the code of its error. */
const outcome = async ({ verify }: Verifier, token: string): Promise<string> => {
  try {
    await verify(token)
    return 'ok'
  } catch (error) {
    if (error instanceof TokenError) return error.code
    throw error
  }
}

const failure = async (t: ExecutionContext, { verify }: Verifier, token: string): Promise<TokenError> => {
  const error = await t.throwsAsync(verify(token), { instanceOf: TokenError })
  if (!error) throw new Error('unreachable')
  return error
}

test('50 requests before the keys are there → one fetch for all', async t => {
  const key = generateKey()
  await using issuer = await openKeyServer(key)
  const verifier = createVerifier({ issuer: issuer.url })
  t.is(issuer.reads, 0, 'nothing is fetched before it is needed')
  const tokens = Array.from({ length: 50 }, (_, i) => signAs(key, userClaims(issuer.url, { sid: `${i}` })))
  const claims = await Promise.all(tokens.map(token => verifier.verify(token)))
  t.deepEqual(
    claims.map(({ sid }) => sid),
    tokens.map((_, i) => `${i}`),
  )
  t.is(issuer.reads, 1)
})

test('issuer down after the first key fetch → tokens are still verified', async t => {
  const key = generateKey()
  await using issuer = await openKeyServer(key)
  const errors: unknown[] = []
  const verifier = createVerifier({ issuer: issuer.url, onError: error => errors.push(error) })
  const token = sign(key, issuer.url)
  t.is(await outcome(verifier, token), 'ok')
  await issuer.close()
  for (const milliseconds of [0, 11_000, 301_000, 11_000, 7_200_000]) {
    mock.timers.tick(milliseconds)
    t.is(await outcome(verifier, token), 'ok')
  }
  await until('the failed fetch to be reported', () => errors.length > 0)
})

test('flood of invented key ids → the issuer is asked once in ten seconds', async t => {
  const key = generateKey()
  await using issuer = await openKeyServer(key)
  const verifier = createVerifier({ issuer: issuer.url })
  const send = async () => {
    const flood = Array.from({ length: 20 }, () => sign(generateKey(), issuer.url))
    const outcomes = await Promise.all(flood.map(token => outcome(verifier, token)))
    t.deepEqual([...new Set(outcomes)], ['INVALID_TOKEN'])
  }
  await send()
  await send()
  mock.timers.tick(9_000)
  await send()
  t.is(issuer.reads, 1)
  mock.timers.tick(1_001)
  await send()
  t.is(issuer.reads, 2)
  t.is(await outcome(verifier, sign(key, issuer.url)), 'ok')
})

test('token of a key that was just published → fetched at once, though the keys are fresh', async t => {
  const [old, next] = [generateKey(), generateKey()]
  await using issuer = await openKeyServer(old)
  const verifier = createVerifier({ issuer: issuer.url })
  t.is(await outcome(verifier, sign(old, issuer.url)), 'ok')
  issuer.keys = [old, next]
  t.is(await outcome(verifier, sign(next, issuer.url)), 'ok')
  t.is(issuer.reads, 2)
})

test('keys cannot be read → KEYS_UNAVAILABLE with a time to wait, and one fetch in ten seconds', async t => {
  const key = generateKey()
  await using issuer = await openKeyServer(key)
  issuer.listener = (_request, reply) => reply.writeHead(503).end()
  const errors: unknown[] = []
  const verifier = createVerifier({
    issuer: issuer.url,
    onError: error => {
      errors.push(error)
      throw new Error('an error in the callback')
    },
  })
  const token = sign(key, issuer.url)
  for (const [passed, retryAfter] of [
    [0, 10],
    [4_000, 6],
    [5_500, 1],
  ] as const) {
    mock.timers.tick(passed)
    const { code, retryAfter: seconds, cause } = await failure(t, verifier, token)
    t.is(code, 'KEYS_UNAVAILABLE')
    t.is(seconds, retryAfter)
    t.regex(String(cause), /status 503/)
  }
  t.is(issuer.reads, 1)
  t.is(errors.length, 1)
  issuer.listener = null
  mock.timers.tick(501)
  t.is(await outcome(verifier, token), 'ok')
})

test('keys are known and a fetch for an unknown one fails → KEYS_UNAVAILABLE, not INVALID_TOKEN', async t => {
  const key = generateKey()
  await using issuer = await openKeyServer(key)
  const verifier = createVerifier({ issuer: issuer.url })
  const token = sign(key, issuer.url)
  t.is(await outcome(verifier, token), 'ok')
  issuer.listener = (_request, reply) => reply.destroy()
  t.is(await outcome(verifier, sign(generateKey(), issuer.url)), 'KEYS_UNAVAILABLE')
  t.is(await outcome(verifier, token), 'ok')
})

test('key withdrawn by the issuer → its tokens are refused after the next key fetch', async t => {
  const [stolen, fresh] = [generateKey(), generateKey()]
  await using issuer = await openKeyServer(stolen)
  const verifier = createVerifier({ issuer: issuer.url })
  const token = sign(stolen, issuer.url)
  t.is(await outcome(verifier, token), 'ok')
  issuer.keys = [fresh]
  mock.timers.tick(299_000)
  t.is(await outcome(verifier, token), 'ok')
  t.is(issuer.reads, 1)
  mock.timers.tick(1_001)
  t.is(await outcome(verifier, token), 'ok', 'no request waits for a refresh')
  await until(
    'the withdrawn key to be refused',
    async () => (await outcome(verifier, token)) === 'INVALID_TOKEN',
  )
  t.is(await outcome(verifier, sign(fresh, issuer.url)), 'ok')
})

test('clock set back by a day → the keys are fetched again', async t => {
  const key = generateKey()
  await using issuer = await openKeyServer(key)
  const verifier = createVerifier({ issuer: issuer.url })
  t.is(await outcome(verifier, sign(key, issuer.url)), 'ok')
  mock.timers.setTime(Date.now() - 86_400_000)
  t.is(await outcome(verifier, sign(key, issuer.url)), 'ok')
  await until('a second fetch', () => issuer.reads === 2)
})

test('Cache-Control and Age of the keys → respected from 10 seconds to one hour, 5 minutes without', t => {
  const seconds = (headers: Record<string, string>) => freshFor(new Headers(headers)) / 1000
  t.is(seconds({}), 300)
  t.is(seconds({ 'cache-control': 'public, max-age=60' }), 60)
  t.is(seconds({ 'cache-control': 'max-age="120", public' }), 120)
  t.is(seconds({ 'cache-control': 'public, max-age=300', age: '100' }), 200)
  t.is(seconds({ 'cache-control': 'public, max-age=300', age: '400' }), 10)
  t.is(seconds({ 'cache-control': 'max-age=0' }), 10)
  t.is(seconds({ 'cache-control': 'max-age=-1' }), 300)
  t.is(seconds({ 'cache-control': 'no-store' }), 10)
  t.is(seconds({ 'cache-control': 'max-age=300, no-cache' }), 10)
  t.is(seconds({ 'cache-control': 's-maxage=60' }), 300)
  t.is(seconds({ 'cache-control': 'max-age=99999999' }), 3600)
})

const reply =
  (body: string | Buffer, headers: Record<string, string> = {}, status = 200): RequestListener =>
  (_request, response) =>
    response.writeHead(status, { connection: 'close', ...headers }).end(body)

const attacker = generateKey()
const attackers = JSON.stringify({ keys: [published(attacker)] })
const endless = (response: ServerResponse): void => {
  if (response.destroyed) return
  response.write(' '.repeat(16_384), () => setImmediate(endless, response))
}

const hostile: Record<string, RequestListener> = {
  '500 with keys': reply(attackers, {}, 500),
  '203 with keys': reply(attackers, {}, 203),
  'no body': reply('', {}, 204),
  HTML: reply('<html>', { 'content-type': 'text/html' }),
  'JSON of another form': reply('{"keys": {"0": 1}}'),
  null: reply('null'),
  'no keys': reply('{"keys": []}'),
  'a body that is not UTF-8': reply(Buffer.concat([Buffer.from(attackers), Buffer.from([0xff])])),
  '65 kB of spaces before the keys': reply(`${' '.repeat(65_536)}${attackers}`),
  '10 MB without a length': (_request, response) => endless(response),
  '10 MB in 10 kB of gzip': reply(gzipSync(`${' '.repeat(10_000_000)}${attackers}`), {
    'content-encoding': 'gzip',
  }),
  'half a body': (_request, response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write(attackers, () => response.destroy())
  },
}

for (const [title, listener] of Object.entries(hostile))
  test(`key endpoint replies with ${title} → no key of it is used, and the known ones stay`, async t => {
    const key = generateKey()
    await using issuer = await openKeyServer(key)
    const [first, later] = [createVerifier({ issuer: issuer.url }), createVerifier({ issuer: issuer.url })]
    const [token, forged] = [sign(key, issuer.url), sign(attacker, issuer.url)]
    t.is(await outcome(later, token), 'ok')
    issuer.listener = listener
    for (const verifier of [first, later]) t.is(await outcome(verifier, forged), 'KEYS_UNAVAILABLE')
    t.is(await outcome(later, token), 'ok')
  })

test('key endpoint redirects to a server with other keys → the redirect is not followed', async t => {
  await using elsewhere = await openKeyServer(attacker)
  for (const status of [301, 302, 303, 307, 308]) {
    await using issuer = await openKeyServer()
    issuer.listener = reply('', { location: elsewhere.url }, status)
    t.is(
      await outcome(createVerifier({ issuer: issuer.url }), sign(attacker, issuer.url)),
      'KEYS_UNAVAILABLE',
    )
  }
  t.is(elsewhere.reads, 0)
})

test('key endpoint that does not finish its reply → an error when the time is over', async t => {
  await using issuer = await openKeyServer()
  for (const begin of ['', '{"keys": [']) {
    issuer.listener = (_request, response) => {
      if (begin) response.write(begin)
    }
    const options = { fetch: (url: string, init: object) => fetch(url, init), accept: '*/*', limit: 100 }
    await t.throwsAsync(fetchIssuer(issuer.url, { ...options, timeoutMs: 100 }), { name: 'TimeoutError' })
  }
})

test('published list with keys of other kinds → these are skipped, and the readable key works', async t => {
  const key = generateKey()
  const { kid } = generateKey()
  const others: unknown[] = [
    ...[null, 1, 'k4.public.x', [], {}, { kid }, { kid, paserk: 1 }, { paserk: attacker.paserkPublic }],
    { kid, paserk: attacker.paserkSecret },
    { kid, paserk: attacker.paserkPublic.replace('k4.', 'k3.') },
    { kid, paserk: `${attacker.paserkPublic}=` },
    { kid, paserk: attacker.paserkPublic.slice(0, -1) },
    { kid: 'k4.pid.short', paserk: attacker.paserkPublic },
    { kid: '__proto__', paserk: attacker.paserkPublic },
    { kid: attacker.kid.replace('pid', 'sid'), paserk: attacker.paserkPublic },
  ]
  await using issuer = await openKeyServer()
  issuer.listener = reply(
    JSON.stringify({ keys: [...others, { ...published(key), status: 'signing', use: 'new' }] }),
  )
  const verifier = createVerifier({ issuer: issuer.url })
  t.is(await outcome(verifier, sign(key, issuer.url)), 'ok')
  t.is(await outcome(verifier, sign(attacker, issuer.url)), 'INVALID_TOKEN')
  t.is(await outcome(verifier, sign({ ...attacker, kid }, issuer.url)), 'INVALID_TOKEN')
})

test('keys given as an option → nothing is fetched, and plain http is no risk', async t => {
  const key = generateKey()
  const issuer = 'http://accounts.internal'
  const options: VerifierOptions = { issuer, keys: [published(key)], fetch: () => t.fail() as never }
  const verifier = createVerifier(options)
  t.is(await outcome(verifier, sign(key, issuer)), 'ok')
  t.is(await outcome(verifier, sign(attacker, issuer)), 'INVALID_TOKEN')
  for (const keys of [[], [{ kid: key.kid, paserk: key.paserkSecret }], { keys: [] }])
    t.throws(() => createVerifier({ issuer, keys: keys as [] }), { instanceOf: TypeError })
})

test('issuer that an attacker on the network could replace → createVerifier throws', t => {
  const refused = [
    ...[
      'http://accounts.example.com',
      'http://127.0.0.1.example.com',
      'http://localhost.example.com',
      'http://10.0.0.1',
    ],
    ...[
      'ftp://accounts.example.com',
      'accounts.example.com',
      '',
      'https://',
      'https://user:pass@accounts.example.com',
    ],
    ...['https://accounts.example.com?a=1', 'https://accounts.example.com#a', 'javascript:alert(1)'],
  ]
  for (const issuer of refused) t.throws(() => createVerifier({ issuer }), { instanceOf: TypeError }, issuer)
  const allowed = [
    'https://accounts.example.com/auth',
    'http://localhost:8000',
    'http://127.0.0.1',
    'http://[::1]:8000',
  ]
  for (const issuer of allowed) t.is(createVerifier({ issuer: `${issuer}/` }).issuer, issuer)
})

test('options of a wrong type → createVerifier throws', t => {
  const issuer = 'https://accounts.example.com'
  const wrong: object[] = [{ audience: '' }, { audience: [] }, { audience: [1] }, { clockTolerance: -1 }]
  for (const options of [...wrong, { clockTolerance: Number.NaN }, { clockTolerance: 301 }])
    t.throws(() => createVerifier({ issuer, ...options }))
})

test('issuer and audience in another spelling of the same address → tokens are accepted', async t => {
  const key = generateKey()
  const claims = userClaims('https://accounts.example.com/id', { aud: 'https://orders.example.com' })
  const verifier = createVerifier({
    issuer: 'https://Accounts.example.com:443/id/',
    audience: 'https://Orders.Example.com/',
    keys: [published(key)],
  })
  t.is(verifier.issuer, 'https://accounts.example.com/id')
  t.is(await outcome(verifier, signAs(key, claims)), 'ok')
})

test('policy spelt wrong, or the whole document as keys → createVerifier says which option', t => {
  const issuer = 'https://accounts.example.com'
  const wrong: [object, RegExp][] = [
    [{ revocations: { whenStale: 'block' } }, /^revocations\.whenStale must be/],
    [{ revocations: 'deny' }, /^revocations must be/],
    [{ keys: { keys: [published(generateKey())] } }, /^keys must be the array/],
    [{ keys: null, issuer: 'http://accounts.example.com' }, /^issuer must be|^keys must be/],
    [{ keys: [published(generateKey())], issuer: undefined }, /^issuer must be/],
  ]
  for (const [options, message] of wrong)
    t.throws(() => createVerifier({ issuer, ...options } as VerifierOptions), {
      instanceOf: TypeError,
      message,
    })
})

test('guard made without a verifier → it throws when it is made, not at the first token', t => {
  const issuer = 'https://accounts.example.com'
  for (const wrong of [undefined, { issuer }])
    for (const make of [requireAuth, optionalAuth])
      t.throws(() => make(wrong as unknown as Verifier), { message: /what createVerifier returns/ })
})
