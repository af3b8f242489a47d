import test from 'ava'
import { withOtherEnd } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { errorFault } from '../http/problem-fault.ts'
import { sendRaw } from '../http/raw-request.ts'
import { aMachine, askToken, basic, clientsPath, postForm, tokenPath } from './machine.ts'

const world = await openWorld({
  env: {
    RATE_LIMITS: 'client_auth=9999/15m,client_guesses=9999/15m',
    CORS_ORIGINS: 'https://app.example.com',
  },
})
const { client } = world
const admin = await anAdmin(world)
const machine = await aMachine(world, ['users:read'], admin.access)
const { id, secret } = machine
test.after.always(() => world[Symbol.asyncDispose]())

const grant = 'grant_type=client_credentials'
const ask = (form: string, headers: Record<string, string> = {}) => postForm(client, tokenPath, form, headers)
const withHeader = (authorization: string) => ask(grant, { authorization })
const joined = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

test('wrong secret, unknown client, revoked client and dropped secret → the same 401 invalid_client', async t => {
  const revoked = await aMachine(world, ['a'], admin.access)
  const dropped = await aMachine(world, ['a'], admin.access)
  const { access: token } = admin
  t.is((await client.send('DELETE', `${clientsPath}/${revoked.id}`, { token })).status, 204)
  const path = `${clientsPath}/${dropped.id}/secrets/${dropped.prefix}`
  t.is((await client.send('DELETE', path, { token })).status, 204)

  const unknown = `lkc_${'1'.repeat(32)}`
  const replies = await Promise.all([
    withHeader(basic(id, withOtherEnd(secret))),
    withHeader(basic(id, '')),
    withHeader(basic(unknown, secret)),
    withHeader(basic(revoked.id, revoked.secret)),
    withHeader(basic(dropped.id, dropped.secret)),
    withHeader(basic(dropped.id, secret)),
    ask(`${grant}&client_id=${id}&client_secret=lks_wrong`),
    ask(`${grant}&client_id=${unknown}&client_secret=lks_wrong`),
    ask(grant),
    ask(`${grant}&client_id=${id}`),
  ])
  for (const reply of replies) {
    t.is(reply.status, 401)
    t.is(reply.headers.get('www-authenticate'), 'Basic realm="latchkey", charset="UTF-8"')
    t.is(errorFault(tokenPath, reply), null)
    t.deepEqual(reply.body, {
      error: 'invalid_client',
      error_description: 'The client is not authenticated.',
    })
  }
})

test('user token at a route of OAuth → invalid_client', async t => {
  const { status, body } = await withHeader(`Bearer ${admin.access}`)
  t.deepEqual([status, body.error], [401, 'invalid_client'])
})

const hostile: [what: string, authorization: string, error: string][] = [
  ['__proto__ as the id', basic('__proto__', secret), 'invalid_client'],
  ['constructor as the id', basic('constructor', secret), 'invalid_client'],
  ['a NUL in the id', basic(`${id}\0`, secret), 'invalid_client'],
  ['a NUL in the secret', basic(id, `${secret}\0`), 'invalid_client'],
  ['a colon in the id', basic(`${id}:x`, secret), 'invalid_client'],
  ['a colon that is not encoded', joined(`${id}:x:${secret}`), 'invalid_client'],
  ['letters beyond ASCII', basic('идентификатор😀', 'секрет'), 'invalid_client'],
  [
    'bytes that are not UTF-8',
    `Basic ${Buffer.from([0xff, 0x3a, 0xfe]).toString('base64')}`,
    'invalid_client',
  ],
  ['spaces around the secret', basic(id, ` ${secret} `), 'invalid_client'],
  ['an id in capital letters', basic(id.toUpperCase(), secret), 'invalid_client'],
  ['10 kB of secret', basic(id, 'x'.repeat(7000)), 'invalid_client'],
  ['SQL in the id', basic(`${id}' OR '1'='1`, secret), 'invalid_client'],
  ['no colon', joined(id), 'invalid_request'],
  ['a broken percent-encoding', joined(`${id}:%zz`), 'invalid_request'],
  ['nothing', 'Basic', 'invalid_request'],
  ['text that is not base64', 'Basic !!!', 'invalid_request'],
  ['two credentials', `${basic(id, secret)}, ${basic(id, secret)}`, 'invalid_request'],
  ['another scheme', 'Digest username="x"', 'invalid_client'],
]
for (const [what, authorization, error] of hostile)
  test(`HTTP Basic with ${what} → ${error}, and no value is repeated`, async t => {
    const reply = await withHeader(authorization)
    t.is(errorFault(tokenPath, reply), null)
    t.deepEqual([reply.status, reply.body.error], [error === 'invalid_client' ? 401 : 400, error])
    t.notRegex(reply.text, /lk[cs]_|proto__|constructor|идент/)
  })

test('HTTP Basic with form-encoded characters, any spelling of the scheme or padding → accepted', async t => {
  const encoded = (text: string) => text.replace(/_/g, '%5F').replace(/a/g, '%61')
  const full = basic(id, secret)
  for (const authorization of [
    joined(`${encoded(id)}:${encoded(secret)}`),
    full.replace('Basic', 'basic'),
    full.replace('Basic', 'BASIC  '),
    full.replace(/=+$/, ''),
  ])
    t.is((await withHeader(authorization)).status, 200, authorization)
})

test('credentials twice, in two places, or a duplicate parameter → invalid_request', async t => {
  const authorization = basic(id, secret)
  const post = `client_id=${id}&client_secret=${secret}`
  for (const [form, headers] of [
    [`${grant}&${post}`, { authorization }],
    [`${grant}&client_secret=${secret}`, { authorization }],
    [`${grant}&client_id=lkc_other`, { authorization }],
    [`${grant}&${grant}`, { authorization }],
    [`${grant}&${post}&client_id=${id}`, {}],
    [`${grant}&${post}&scope=users:read&scope=users:read`, {}],
    [`${grant}&${post}&unknown=1&unknown=2`, {}],
    [`${grant}&${post}&scope=%ff`, {}],
  ] as const) {
    const reply = await ask(form, headers)
    t.is(errorFault(tokenPath, reply), null, form)
    t.deepEqual([reply.status, reply.body.error], [400, 'invalid_request'], form)
    t.false(reply.text.includes('lks_'))
  }
})

test('unknown parameters, __proto__ included → ignored (RFC 6749, 3.2)', async t => {
  const form = `${grant}&__proto__=x&constructor[prototype][polluted]=1&extra=1&toString=y`
  const reply = await ask(form, { authorization: basic(id, secret) })
  t.is(reply.status, 200, reply.text)
  t.false('polluted' in {})
})

test('form with a charset, another type, 100 kB or another method → RFC 6749 errors', async t => {
  const authorization = basic(id, secret)
  const type = 'application/x-www-form-urlencoded'
  const status = async (form: string, headers: Record<string, string>, at = tokenPath, method = 'POST') => {
    const reply = await client.send(method, at, { body: form, headers: { authorization, ...headers } })
    if (reply.status >= 400) t.is(errorFault(tokenPath, reply), null, `${method} ${at}`)
    return reply.status
  }
  t.is(await status(grant, { 'content-type': `${type}; charset=UTF-8` }), 200)
  t.is(await status(grant, { 'content-type': `${type}; charset=utf-16` }), 415)
  t.is(await status('{"grant_type":"client_credentials"}', { 'content-type': 'application/json' }), 415)
  t.is(await status(`${grant}&x=${'a'.repeat(100_000)}`, { 'content-type': type }), 413)
  t.is(await status(`${grant}&client_id=${'a'.repeat(5000)}`, { 'content-type': type }), 400)
  t.is(await status(grant, { 'content-type': type }, tokenPath, 'PUT'), 405)
  t.is(await status(grant, { 'content-type': type }, '/api/v1/oauth/authorize'), 404)
  t.is(await status(grant, { 'content-type': type }, '/api/v1/oauth/'), 404)
  t.is(await status('', {}, tokenPath), 400, 'without a form')
})

test('form that does not match its Content-Encoding → 400 that speaks of a form, not of JSON', async t => {
  const reply = await postForm(client, tokenPath, grant, {
    authorization: basic(id, secret),
    'content-encoding': 'gzip',
  })
  t.is(errorFault(tokenPath, reply), null)
  t.deepEqual(
    [reply.status, reply.body],
    [400, { error: 'invalid_request', error_description: 'The body must be one form in UTF-8.' }],
  )
})

test('form whose chunks cannot be read → an error of RFC 6749, and a problem on other routes', async t => {
  const send = (path: string) =>
    sendRaw(
      world.url,
      [
        `POST ${path} HTTP/1.1`,
        'Host: latchkey.test',
        'Content-Type: application/x-www-form-urlencoded',
        'Transfer-Encoding: chunked',
      ],
      'no size\r\n',
    )
  const refused = await send(tokenPath)
  t.deepEqual([refused.status, errorFault(tokenPath, refused)], [400, null])
  t.is((refused.body as { error: string }).error, 'invalid_request')
  const other = await send('/api/v1/auth/login')
  t.deepEqual([other.status, (other.body as { code: string }).code], [400, 'VALIDATION_ERROR'])
})

test('page of an allowed origin at a route of OAuth → no CORS headers', async t => {
  const headers = { origin: 'https://app.example.com' }
  const reply = await askToken(client, machine, {}, headers)
  t.is(reply.status, 200)
  t.is(reply.headers.get('access-control-allow-origin'), null)
  const preflight = await client.send('OPTIONS', tokenPath, {
    headers: { ...headers, 'access-control-request-method': 'POST' },
  })
  t.is(preflight.headers.get('access-control-allow-origin'), null)
  const other = await client.get('me', { headers })
  t.is(other.headers.get('access-control-allow-origin'), 'https://app.example.com')
})

test('client that authenticates → last_used_at is this minute', async t => {
  const used = await aMachine(world, ['a'], admin.access)
  t.is((await askToken(client, used)).status, 200)
  t.is((await askToken(client, used)).status, 200)
  const lastUse = async () => {
    const [row] = await world.sql<{ at: Date | null }>(
      `SELECT last_used_at AS at FROM clients WHERE id = '${used.id}'`,
    )
    return row?.at?.getTime() ?? null
  }
  const at = await until('the use to be noted', lastUse)
  t.is(at % 60_000, 0)
  t.true(Math.abs(at - Date.now()) < 120_000)
})
