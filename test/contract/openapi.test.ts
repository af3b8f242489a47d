import { Validator } from '@seriousme/openapi-schema-validator'
import test from 'ava'
import { codes } from '../../src/platform/catalog/problems.ts'
import { routes } from '../../src/routes.ts'
import { sampleEvent, signedHeaders } from '../../src/shop/gateway-stub/sample-events.ts'
import type { Reply } from '../client.ts'
import { configOf } from '../configuration.ts'
import { anAccount, anEmail, password, tokenOf } from '../fixtures.ts'
import { openShop, secret } from '../integration/purchases/shop.ts'
import { until } from '../until.ts'
import { faultsOfBody, type Operation, operationsOf, readDocument, undescribed } from './described.ts'

const world = await openShop({ worker: true })
const { client, mails } = world
// Read before the first hook: AVA wants every test declared in one go.
const published = (await client.get('/openapi.json')).body
const document = readDocument(published)
test.after.always(() => world[Symbol.asyncDispose]())

const operations = operationsOf(document).map(each => ({ ...each, name: `${each.method} ${each.path}` }))

type Sent = {
  id?: string
  slug?: string
  query?: string
  body?: object
  form?: Record<string, string>
  token?: string
  headers?: Record<string, string>
}

const send = (
  method: string,
  path: string,
  { id = '', slug = '', query = '', body, form, token, headers }: Sent,
): Promise<Reply> =>
  client.send(method, path.replace('{id}', id).replace('{slug}', slug) + query, {
    token,
    body: form ? new URLSearchParams(form).toString() : body,
    headers: form ? { 'content-type': 'application/x-www-form-urlencoded' } : (headers ?? {}),
  })

const faultsOfReply = (operation: Operation, reply: Reply): string[] =>
  undescribed(operation, { ...reply, header: name => reply.headers.get(name) })

/** The token of the first link to this page that an address is mailed. */
const tokenTo = async (email: string, page: string): Promise<string> => {
  return tokenOf((await mails.to(email, 1, `/${page}?`)).link)
}

const accepted = async (reply: Promise<Reply>): Promise<void> => {
  const { status, text } = await reply
  if (status >= 400) throw new Error(`${status}: ${text}`)
}

const verifying = async (): Promise<string> => tokenTo((await anAccount(client)).email, 'verify-email')

const resetting = async (): Promise<string> => {
  const { email } = await anAccount(client)
  await accepted(client.post('forgot-password', { email }))
  return tokenTo(email, 'reset-password')
}

const moving = async (): Promise<{ from: string; token: string }> => {
  const { email: from, access: token } = await anAccount(client)
  await accepted(client.post('verify-email', { token: await tokenTo(from, 'verify-email') }))
  const to = anEmail()
  await accepted(client.post('change-email', { current_password: password, new_email: to }, { token }))
  return { from, token: await tokenTo(to, 'confirm-email') }
}

const moved = async (): Promise<string> => {
  const { from, token } = await moving()
  await accepted(client.post('confirm-email', { token }))
  return tokenTo(from, 'undo-email-change')
}

const deleted = async (): Promise<string> => {
  const { email, access: token } = await anAccount(client)
  await accepted(client.send('DELETE', 'me', { body: { password }, token }))
  return tokenTo(email, 'undo-deletion')
}

const change = async (): Promise<Sent> => ({
  body: { current_password: password, new_password: 'another horse 10' },
  token: (await anAccount(client)).access,
})

const administering = async (): Promise<string> => {
  const { userId, access } = await anAccount(client)
  await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [userId])
  return access
}

const onSomebody = async (): Promise<Sent> => ({
  token: await administering(),
  id: (await anAccount(client)).userId,
})

const onFailedMail = async (): Promise<Sent> => {
  const { email } = await anAccount(client)
  await until('the mail to be settled', async () => {
    const [mail] = await world.sql<{ status: string }>('SELECT status FROM emails WHERE recipient = $1', [
      email,
    ])
    return mail?.status === 'sent'
  })
  const [mail] = await world.sql<{ id: string }>(
    `UPDATE emails SET status = 'failed' WHERE recipient = $1 RETURNING id`,
    [email],
  )
  return { token: await administering(), id: mail?.id ?? '' }
}

/** A call of each operation that succeeds. A new one needs a line here. */
const successes: Record<string, () => Promise<Sent>> = {
  'POST /api/v1/auth/register': async () => ({
    body: { email: anEmail(), password, full_name: 'Ada', phone: '+442071838750', preferred_language: 'en' },
  }),
  'POST /api/v1/auth/login': async () => {
    const { email } = await anAccount(client)
    return { body: { email, password } }
  },
  'POST /api/v1/auth/refresh': async () => ({ body: { refresh_token: (await anAccount(client)).refresh } }),
  'POST /api/v1/auth/logout': async () => ({ body: {}, token: (await anAccount(client)).access }),
  'POST /api/v1/auth/logout-all': async () => ({ token: (await anAccount(client)).access }),
  'GET /api/v1/auth/me': async () => ({ token: (await anAccount(client)).access }),
  'PATCH /api/v1/auth/me': async () => ({
    body: { full_name: 'Ada', address: '12 St James’s Square', picture_url: 'https://example.com/ada.png' },
    token: (await anAccount(client)).access,
  }),
  'PUT /api/v1/auth/me': async () => ({ body: { phone: null }, token: (await anAccount(client)).access }),
  'DELETE /api/v1/auth/me': async () => ({ body: { password }, token: (await anAccount(client)).access }),
  'GET /api/v1/auth/me/export': async () => ({ token: (await anAccount(client)).access }),
  'POST /api/v1/auth/reject-account': async () => ({ body: { token: await verifying() } }),
  'GET /api/v1/auth/reject-account': async () => ({ query: '?token=lkp_any' }),
  'POST /api/v1/auth/reject-account/confirm': async () => ({ form: { token: await verifying() } }),
  'GET /api/v1/auth/account-removed': async () => ({ query: '?lang=ar' }),
  'POST /api/v1/auth/undo-deletion': async () => ({ body: { token: await deleted() } }),
  'GET /api/v1/auth/undo-deletion': async () => ({ query: '?token=lkp_any' }),
  'POST /api/v1/auth/undo-deletion/confirm': async () => ({ form: { token: await deleted() } }),
  'GET /api/v1/auth/account-restored': async () => ({ query: '?lang=ar' }),
  'GET /api/v1/auth/sessions': async () => ({ token: (await anAccount(client)).access }),
  'DELETE /api/v1/auth/sessions/{id}': async () => {
    const { access: token, sessionId: id } = await anAccount(client)
    return { token, id }
  },
  'POST /api/v1/auth/verify-email': async () => ({ body: { token: await verifying() } }),
  'GET /api/v1/auth/verify-email': async () => ({ query: `?token=${await verifying()}` }),
  'POST /api/v1/auth/verify-email/confirm': async () => ({ form: { token: await verifying() } }),
  'GET /api/v1/auth/email-verified': async () => ({ query: '?lang=es' }),
  'POST /api/v1/auth/resend-verification': async () => ({ body: { email: anEmail() } }),
  'POST /api/v1/auth/forgot-password': async () => ({ body: { email: anEmail() } }),
  'POST /api/v1/auth/verify-reset-token': async () => ({ body: { token: await resetting() } }),
  'POST /api/v1/auth/reset-password': async () => ({
    body: { token: await resetting(), new_password: 'another horse 10' },
  }),
  'GET /api/v1/auth/reset-password': async () => ({ query: `?token=${await resetting()}` }),
  'GET /api/v1/auth/forgot-password': async () => ({ query: '?lang=es' }),
  'POST /api/v1/auth/forgot-password/confirm': async () => ({ form: { email: anEmail() } }),
  'GET /api/v1/auth/reset-link-sent': async () => ({}),
  'POST /api/v1/auth/resend-verification/confirm': async () => ({ form: { email: anEmail() } }),
  'GET /api/v1/auth/verification-sent': async () => ({}),
  'POST /api/v1/auth/reset-password/confirm': async () => ({
    form: { token: await resetting(), new_password: 'another horse 10' },
  }),
  'GET /api/v1/auth/password-reset': async () => ({}),
  'POST /api/v1/auth/change-password': change,
  'PUT /api/v1/auth/change-password': change,
  'POST /api/v1/auth/change-email': async () => ({
    body: { current_password: password, new_email: anEmail() },
    token: (await anAccount(client)).access,
  }),
  'POST /api/v1/auth/confirm-email': async () => ({ body: { token: (await moving()).token } }),
  'GET /api/v1/auth/confirm-email': async () => ({ query: '?token=lkp_any' }),
  'POST /api/v1/auth/confirm-email/confirm': async () => ({ form: { token: (await moving()).token } }),
  'GET /api/v1/auth/email-confirmed': async () => ({}),
  'POST /api/v1/auth/undo-email-change': async () => ({ body: { token: await moved() } }),
  'GET /api/v1/auth/undo-email-change': async () => ({ query: '?token=lkp_any' }),
  'POST /api/v1/auth/undo-email-change/confirm': async () => ({ form: { token: await moved() } }),
  'GET /api/v1/auth/email-restored': async () => ({}),
  'GET /api/v1/admin/users': async () => ({
    token: await administering(),
    query: '?limit=2&role=user&is_active=true&search=user-',
  }),
  'GET /api/v1/admin/users/{id}': onSomebody,
  'PATCH /api/v1/admin/users/{id}': async () => ({ ...(await onSomebody()), body: { is_active: false } }),
  'DELETE /api/v1/admin/users/{id}': onSomebody,
  'POST /api/v1/admin/users/{id}/logout': onSomebody,
  'GET /api/v1/admin/emails': async () => ({ token: await administering(), query: '?status=sent' }),
  'POST /api/v1/admin/emails/{id}/retry': onFailedMail,
  'GET /api/v1/admin/audit-events': async () => ({
    token: await administering(),
    query: '?type=user.registered&from=2020-01-01T00:00:00Z',
  }),
  'GET /api/v1/sites': async () => ({ query: '?status=available&currency=GTQ&limit=2' }),
  'GET /api/v1/sites/{slug}': async () => ({ slug: await world.aSite() }),
  'POST /api/v1/sites/{slug}/purchase': async () => ({
    slug: await world.aSite(),
    body: { email: anEmail(), full_name: 'Ada' },
    headers: { 'idempotency-key': 'cart-7' },
  }),
  'POST /api/v1/admin/sites': async () => ({
    token: await administering(),
    body: { slug: 'a-site', name: 'A site', description: 'Three pages.', price: 100, currency: 'USD' },
  }),
  'PATCH /api/v1/admin/sites/{slug}': async () => ({
    token: await administering(),
    slug: await world.aSite(),
    body: { price: 200, status: 'sold', image_url: null },
  }),
  'GET /api/v1/purchases': async () => ({ token: (await anAccount(client)).access, query: '?status=paid' }),
  'GET /api/v1/admin/purchases': async () => {
    await world.aPurchase()
    return { token: await administering(), query: '?status=pending' }
  },
  'POST /api/v1/admin/purchases/{id}/refunded': async () => {
    const purchase = await world.aPurchase()
    await world.sendEvent('payment_intent.succeeded', purchase)
    return { token: await administering(), id: purchase.id }
  },
  'POST /api/v1/webhooks/recurrente': async () => {
    const { id: purchaseId, checkoutId, email } = await world.aPurchase()
    const told = { purchaseId, checkoutId, email, paymentId: 'pa_1', amount: 12_500, currency: 'GTQ' }
    const body = sampleEvent('payment_intent.succeeded', told)
    return { body: JSON.parse(body), headers: signedHeaders(secret, body) }
  },
  'GET /.well-known/paseto-keys': async () => ({}),
  'GET /livez': async () => ({}),
  'GET /readyz': async () => ({}),
}

test('the document is valid OpenAPI 3.1', async t => {
  t.regex(document.openapi, /^3\.1\./)
  const { valid, errors } = await new Validator().validate(structuredClone(published))
  t.true(valid, JSON.stringify(errors, null, 2))
  const ids = operations.map(({ operation }) => operation.operationId)
  t.is(new Set(ids).size, ids.length, 'an operation id is given twice')
})

test('every route is in the document, and nothing else is', t => {
  const all = routes(() => false, configOf(world.env)).map(
    ({ method, path }) => `${method} ${path.replace(/:(\w+)/, '{$1}')}`,
  )
  t.deepEqual(operations.map(({ name }) => name).sort(), all.sort())
})

test('every problem in the document is one that there is, under its own status', t => {
  const found = [...JSON.stringify(document).matchAll(/`([A-Z]+(?:_[A-Z]+)+)`: /g)].map(([, code]) => code)
  t.true(found.length > 0)
  for (const { operation } of operations)
    for (const [status, { content, 'x-problem-codes': own = [] }] of Object.entries(operation.responses)) {
      t.is(
        own.length > 0,
        content?.['application/problem+json'] !== undefined,
        `${operation.operationId} ${status}`,
      )
      for (const each of own) t.true((codes as string[]).includes(each), each)
    }
  for (const code of found) t.true((codes as (string | undefined)[]).includes(code), code)
})

test('two operations never share a summary, so that a reader can tell PUT from PATCH', t => {
  const summaries = operations.map(({ operation }) => operation.summary)
  t.deepEqual(
    summaries.filter((each, at) => summaries.indexOf(each) !== at),
    [],
  )
})

/** Where a schema with properties stands that is no component. Generators make a type of each of these. */
const anonymous = (value: unknown, at: string): string[] => {
  if (typeof value !== 'object' || value === null) return []
  const isOwn = 'properties' in value && !/^\/components\/schemas\/\w+(\/anyOf\/\d)?$/.test(at)
  return [
    ...(isOwn ? [at] : []),
    ...Object.entries(value).flatMap(([key, inner]) => anonymous(inner, `${at}/${key}`)),
  ]
}

test('every object in the document is a named schema', t => {
  t.deepEqual(anonymous(published, ''), [])
  const { schemas } = published.components
  for (const name of [
    'User',
    'Session',
    'SessionTokens',
    'Tokens',
    'Problem',
    'FieldError',
    'RegisterRequest',
  ])
    t.true(name in schemas, name)
})

test('the document names the cookie of the refresh token and the routes that take and set it', t => {
  const { refreshCookie } = published.components.securitySchemes
  t.like(refreshCookie, { type: 'apiKey', in: 'cookie', name: '__Host-latchkey' })
  const taking = operations.filter(({ operation }) =>
    operation.security.some(each => 'refreshCookie' in each),
  )
  t.deepEqual(taking.map(({ name }) => name).sort(), [
    'POST /api/v1/auth/logout',
    'POST /api/v1/auth/refresh',
  ])
  const login = operations.find(({ name }) => name === 'POST /api/v1/auth/login')?.operation.responses
  t.true('Set-Cookie' in (login?.[200]?.headers ?? {}))
  t.true('Retry-After' in (login?.[429]?.headers ?? {}))
  t.true('Retry-After' in (login?.[503]?.headers ?? {}))
  t.true('WWW-Authenticate' in (login?.[401]?.headers ?? {}))
})

test('every operation has a call here that succeeds', t => {
  t.deepEqual(operations.map(({ name }) => name).sort(), Object.keys(successes).sort())
})

for (const { name, method, path, operation } of operations) {
  test.serial(`${name}: what goes in and what comes out is as the document says`, async t => {
    const sent = (await successes[name]?.()) ?? {}
    const given = sent.form ?? sent.body
    t.is(
      given === undefined,
      operation.requestBody === undefined,
      'a body is sent where the document has one',
    )
    if (given) {
      const type = sent.form ? 'application/x-www-form-urlencoded' : 'application/json'
      const schema = operation.requestBody?.content[type]?.schema ?? {}
      t.deepEqual(faultsOfBody(schema, given, name), [])
      const unknown = faultsOfBody(schema, { ...given, nonsense: true }, name)
      // What another service sends may hold more than it did.
      t.is(unknown.length === 0, path.includes('/webhooks/'), 'what is unknown is refused')
    }
    const reply = await send(method, path, sent)
    t.true(reply.status < 400, reply.text)
    t.deepEqual(faultsOfReply(operation, reply), [])
  })

  test.serial(`${name}: every refusal is in the document`, async t => {
    const { access } = await anAccount(client)
    const options = [
      {},
      { token: 'v4.public.garbage' },
      { token: access, headers: { authorization: 'Basic YTpi' } },
      ...(operation.requestBody
        ? [
            { body: {}, token: access },
            { body: { nonsense: true }, token: access },
            { body: '{"email":', token: access },
            { body: [1], token: access },
            { body: { refresh_token: 'lkr_garbage', token: 'garbage' } },
            { body: { email: anEmail(), password: 'not the password 1' } },
            { body: `{"email":"${'x'.repeat(20_000)}"}`, token: access },
            { body: 'plain', headers: { 'content-type': 'text/plain' }, token: access },
          ]
        : []),
    ]
    for (const each of options) {
      const reply = await client.send(method, path, each)
      t.deepEqual(faultsOfReply(operation, reply), [], JSON.stringify(each).slice(0, 80))
    }
  })
}
