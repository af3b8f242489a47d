import { request } from 'node:http'
import anyTest from 'ava'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { coreRoutes } from '../../routes.ts'
import { openWorld } from '../../world.ts'

// A request to a route without parameters is answered in one step, and its headers are written at once. The same request with
// a whole URL as its target goes through every step of Koa, with koa-helmet, @koa/cors and @koa/router. Both replies must be
// the same.

const test = anyTest.serial

const world = await openWorld({
  env: { RATE_LIMITS: 'login=3/15m,register=1000/15m', CORS_ORIGINS: 'https://app.example.com' },
})
const account = await anAccount(world.client)
anyTest.after.always(() => world[Symbol.asyncDispose]())

type Sent = { method?: string; path: string; headers?: Record<string, string>; body?: string }

/** The bytes of a reply, except the values that differ between any two requests. */
const replyTo = async (target: string, { method = 'GET', headers = {}, body }: Sent): Promise<string> => {
  const { hostname, port } = new URL(world.url)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  const sending = request(
    { hostname, port, method, path: target, headers: { ...type, ...length, ...headers } },
    reply => {
      let text = ''
      reply.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
      })
      reply.on('end', () => {
        const lines = reply.rawHeaders.map((each, i) => (i % 2 ? `${each}\n` : `${each}: `)).join('')
        resolve(withoutVariables(`${reply.statusCode} ${reply.statusMessage}\n${lines}\n${text}`))
      })
    },
  )
  sending.on('error', reject)
  sending.end(body)
  return promise
}

const withoutVariables = (reply: string): string =>
  reply
    .replace(/(?<=X-Request-Id: |"request_id":").{36}/g, '<request id>')
    .replace(/(?<=Date: ).*/, '<date>')
    .replace(/(?<=;[rt]=)\d+/g, '<count>')
    .replace(/(?<=Retry-After: |"retry_after":)\d+/g, '<seconds>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(/(?<="(?:access_token|refresh_token|session_id|challenge)":").*?(?=")/g, '<token>')

const bothReplies = async (sent: Sent): Promise<[direct: string, throughKoa: string]> => [
  await replyTo(sent.path, sent),
  await replyTo(`${world.url}${sent.path}`, sent),
]

const bearer = { authorization: `Bearer ${account.access}` }
const post = (path: string, body: string, headers = {}): Sent => ({ method: 'POST', path, body, headers })
const login = (given: object): Sent => post('/api/v1/auth/login', JSON.stringify(given))
const me = '/api/v1/auth/me'
const keys = '/.well-known/paseto-keys'

const oauth = (headers: Record<string, string>): Sent =>
  post('/api/v1/oauth/token', 'grant_type=client_credentials', {
    'content-type': 'application/x-www-form-urlencoded',
    authorization: 'Basic eDp5',
    ...headers,
  })

const replies: [what: string, status: number, Sent][] = [
  ['JSON', 200, { path: me, headers: bearer }],
  ['JSON of an address with a query', 200, { path: `${me}?x=1`, headers: bearer }],
  ['JSON with a tag', 200, { path: keys }],
  ['a tag that the client has', 304, { path: keys, headers: { 'if-none-match': '*' } }],
  ['a page', 200, { path: '/api/v1/auth/verify-email?token=x' }],
  ['a session', 200, login({ email: account.email, password })],
  ['an empty reply that deletes a cookie', 204, post('/api/v1/auth/logout', '{"refresh_token":"lkr_none"}')],
  ['a failed login', 401, login({ email: anEmail(), password })],
  ['a rate limit', 429, login({ email: anEmail(), password })],
  ['no credentials', 401, { path: me }],
  ['a forged token', 401, { path: me, headers: { authorization: 'Bearer forged' } }],
  ['broken JSON', 400, post('/api/v1/auth/login', '{')],
  ['a long body', 413, post('/api/v1/auth/login', ' '.repeat(20_000))],
  ['a body of another type', 415, post('/api/v1/auth/login', '{}', { 'content-type': 'text/plain' })],
  ['an error of OAuth', 401, oauth({})],
  ['a wrong method', 405, { path: '/api/v1/auth/login' }],
  ['a method without a body', 200, { method: 'HEAD', path: keys }],
  ['a listed origin', 200, { path: keys, headers: { origin: 'https://app.example.com' } }],
  ['a problem of a listed origin', 401, { path: me, headers: { origin: 'https://app.example.com' } }],
  ['a foreign origin', 200, { path: keys, headers: { origin: 'https://foreign.example.com' } }],
  ['a listed origin at OAuth', 401, oauth({ origin: 'https://app.example.com' })],
]

for (const [what, status, sent] of replies)
  test(`${what} → ${status} with the same bytes in one step and through Koa`, async t => {
    const [direct, throughKoa] = await bothReplies(sent)
    t.is(direct, throughKoa)
    t.is(Number.parseInt(direct, 10), status)
  })

const exactRoutes = coreRoutes.filter(({ path, forProxies }) => !path.includes(':') && !forProxies)

test('every route without parameters, without credentials → the same bytes in one step and through Koa', async t => {
  for (const { method, path } of exactRoutes) {
    const [direct, throughKoa] = await bothReplies({ method, path, ...(method !== 'GET' && { body: '{}' }) })
    t.is(direct, throughKoa, `${method} ${path}`)
  }
  t.true(exactRoutes.length > 30)
})

test('an internal error after the limits were taken → 500 with the same bytes', async t => {
  await world.sql('ALTER TABLE users RENAME COLUMN full_name TO gone')
  const [direct, throughKoa] = await bothReplies({ path: me, headers: bearer })
  await world.sql('ALTER TABLE users RENAME COLUMN gone TO full_name')
  t.is(direct, throughKoa)
  t.regex(direct, /^500 /)
})
