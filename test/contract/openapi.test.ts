import { Validator } from '@seriousme/openapi-schema-validator'
import test from 'ava'
import { problems } from '../../src/modules.ts'
import { sampleEvent, signedHeaders } from '../../src/shop/gateway-stub/sample-events.ts'
import { newAuthenticator } from '../authenticator.ts'
import type { Reply } from '../client.ts'
import { anAccount, anEmail, password, tokenOf } from '../fixtures.ts'
import { aMachine, basic } from '../integration/clients/machine.ts'
import { requestLoginMail } from '../integration/email-login/login-mail.ts'
import { aPasskeyUser, creationOptions, requestOptions } from '../integration/factors/passkey-user.ts'
import { aUserWithTotp, mfaTokenOf } from '../integration/login/second-factors.ts'
import { openShop, secret } from '../integration/purchases/shop.ts'
import { allRoutes } from '../routes.ts'

import { anApp, totpOf } from '../totp.ts'
import { until } from '../until.ts'
import { bodyErrors, type Operation, operationsOf, readDocument, replyErrors } from './openapi-check.ts'

const world = await openShop({ worker: true })
const { client, mails } = world
// Read at top level, because AVA requires that all tests are declared synchronously.
const published = (await client.get('/openapi.json')).body
const document = readDocument(published)
test.after.always(() => world[Symbol.asyncDispose]())

const operations = operationsOf(document).map(each => ({ ...each, name: `${each.method} ${each.path}` }))

type Sent = {
  id?: string
  slug?: string
  prefix?: string
  query?: string
  body?: object
  /** Fields of the body that differ from the example. */
  fields?: object
  token?: string | undefined
  headers?: Record<string, string>
}

const send = (
  method: string,
  path: string,
  { requestBody }: Operation,
  { id = '', slug = '', prefix = '', query = '', body, token, headers = {} }: Sent,
): Promise<Reply> => {
  const values = { id, slug, prefix, path: 'orders' }
  const target =
    Object.entries(values).reduce((to, [name, value]) => to.replace(`{${name}}`, value), path) + query
  const [type = ''] = Object.keys(requestBody?.content ?? {})
  if (!type.endsWith('urlencoded')) return client.send(method, target, { token, body, headers })
  const form = new URLSearchParams(body as Record<string, string>).toString()
  return client.send(method, target, { token, body: form, headers: { ...headers, 'content-type': type } })
}

const errorsOfReply = (operation: Operation, reply: Reply): string[] =>
  replyErrors(operation, { ...reply, header: name => reply.headers.get(name) })

/** The token of the first mailed link to this page. */
const tokenTo = async (email: string, page: string): Promise<string> => {
  return tokenOf((await mails.to(email, 1, `/${page}?`)).link)
}

const assertAccepted = async (reply: Promise<Reply>): Promise<void> => {
  const { status, text } = await reply
  if (status >= 400) throw new Error(`${status}: ${text}`)
}

const verifyToken = async (): Promise<string> => tokenTo((await anAccount(client)).email, 'verify-email')

const resetToken = async (): Promise<string> => {
  const { email } = await anAccount(client)
  await assertAccepted(client.post('forgot-password', { email }))
  return tokenTo(email, 'reset-password')
}

const requestedEmailChange = async (): Promise<{ from: string; token: string }> => {
  const { email: from, access: token } = await anAccount(client)
  await assertAccepted(client.post('verify-email', { token: await tokenTo(from, 'verify-email') }))
  const to = anEmail()
  await assertAccepted(client.post('change-email', { current_password: password, new_email: to }, { token }))
  return { from, token: await tokenTo(to, 'confirm-email') }
}

const undoChangeToken = async (): Promise<string> => {
  const { from, token } = await requestedEmailChange()
  await assertAccepted(client.post('confirm-email', { token }))
  return tokenTo(from, 'undo-email-change')
}

const undoDeletionToken = async (): Promise<string> => {
  const { email, access: token } = await anAccount(client)
  await assertAccepted(client.send('DELETE', 'me', { body: { password }, token }))
  return tokenTo(email, 'undo-deletion')
}

const undoFactorToken = async (): Promise<string> => {
  const { email, access } = await anAccount(client)
  await anApp(client, access)
  return tokenTo(email, 'undo-factor')
}

const adminToken = async (): Promise<string> => {
  const { userId, access } = await anAccount(client)
  await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [userId])
  return access
}

const onUser = async (): Promise<Sent> => ({ id: (await anAccount(client)).userId })

const onFailedEmail = async (): Promise<Sent> => {
  const { email } = await anAccount(client)
  await until('the email to be sent', async () => {
    const [mail] = await world.sql<{ status: string }>('SELECT status FROM emails WHERE recipient = $1', [
      email,
    ])
    return mail?.status === 'sent'
  })
  const [mail] = await world.sql<{ id: string }>(
    `UPDATE emails SET status = 'failed' WHERE recipient = $1 RETURNING id`,
    [email],
  )
  return { id: mail?.id ?? '' }
}

const aStartedApp = async () => {
  const { access: token } = await anAccount(client)
  const { secret } = (await client.send('POST', 'factors/totp', { token })).body
  return { token, fields: { code: totpOf(secret, Date.now()) } }
}

const onFactor = async () => {
  const { access: token } = await anAccount(client)
  return { token, id: (await anApp(client, token)).id }
}

/**
 * What a successful request needs besides the example of its route and a caller: ids, emailed tokens, or values that lead to
 * a reply with more data.
 */
const needs: Record<string, () => Promise<Sent>> = {
  'POST /api/v1/auth/login': async () => ({ fields: { email: (await anAccount(client)).email } }),
  'POST /api/v1/auth/login/email/confirm': async () => {
    const { login_token, code } = await requestLoginMail(world, (await anAccount(client)).email)
    return { fields: { login_token, code } }
  },
  'POST /api/v1/auth/factors/passkeys': async () => {
    const { access: token } = await anAccount(client)
    return { token, fields: { credential: newAuthenticator().create(await creationOptions(client, token)) } }
  },
  'POST /api/v1/auth/login/passkey': async () => {
    const { authenticator } = await aPasskeyUser(client)
    return { fields: { credential: authenticator.get(await requestOptions(client)) } }
  },
  'POST /api/v1/auth/factors/totp/confirm': aStartedApp,
  'POST /api/v1/auth/factors/recovery-codes': async () => ({ token: (await onFactor()).token }),
  'PATCH /api/v1/auth/factors/{id}': onFactor,
  'DELETE /api/v1/auth/factors/{id}': onFactor,
  'POST /api/v1/auth/login/mfa': async () => {
    const user = await aUserWithTotp(world)
    return { fields: { mfa_token: await mfaTokenOf(client, user, {}), code: user.code() } }
  },
  'POST /api/v1/auth/refresh': async () => ({ fields: { refresh_token: (await anAccount(client)).refresh } }),
  'POST /api/v1/auth/logout': async () => ({ body: {}, token: (await anAccount(client)).access }),
  'PUT /api/v1/auth/me': async () => ({ body: { phone: null } }),
  'POST /api/v1/auth/reject-account': async () => ({ fields: { token: await verifyToken() } }),
  'POST /api/v1/auth/reject-account/confirm': async () => ({ fields: { token: await verifyToken() } }),
  'POST /api/v1/auth/undo-deletion': async () => ({ fields: { token: await undoDeletionToken() } }),
  'POST /api/v1/auth/undo-deletion/confirm': async () => ({ fields: { token: await undoDeletionToken() } }),
  'POST /api/v1/auth/undo-factor': async () => ({ fields: { token: await undoFactorToken() } }),
  'POST /api/v1/auth/undo-factor/confirm': async () => ({ fields: { token: await undoFactorToken() } }),
  'DELETE /api/v1/auth/sessions/{id}': async () => {
    const { access: token, sessionId: id } = await anAccount(client)
    return { token, id }
  },
  'POST /api/v1/auth/verify-email': async () => ({ body: { token: await verifyToken() } }),
  'GET /api/v1/auth/verify-email': async () => ({ query: `?token=${await verifyToken()}` }),
  'POST /api/v1/auth/verify-email/confirm': async () => ({ fields: { token: await verifyToken() } }),
  'POST /api/v1/auth/verify-reset-token': async () => ({ fields: { token: await resetToken() } }),
  'POST /api/v1/auth/reset-password': async () => ({ fields: { token: await resetToken() } }),
  'GET /api/v1/auth/reset-password': async () => ({ query: `?token=${await resetToken()}` }),
  'POST /api/v1/auth/reset-password/confirm': async () => ({ fields: { token: await resetToken() } }),
  'POST /api/v1/auth/confirm-email': async () => ({
    fields: { token: (await requestedEmailChange()).token },
  }),
  'POST /api/v1/auth/confirm-email/confirm': async () => ({
    fields: { token: (await requestedEmailChange()).token },
  }),
  'POST /api/v1/auth/undo-email-change': async () => ({ fields: { token: await undoChangeToken() } }),
  'POST /api/v1/auth/undo-email-change/confirm': async () => ({ fields: { token: await undoChangeToken() } }),
  'GET /api/v1/admin/users': async () => ({ query: '?limit=2&role=user&is_active=true&search=user-' }),
  'GET /api/v1/admin/users/{id}': onUser,
  'PATCH /api/v1/admin/users/{id}': async () => ({ ...(await onUser()), fields: { is_active: false } }),
  'DELETE /api/v1/admin/users/{id}': onUser,
  'POST /api/v1/admin/users/{id}/logout': onUser,
  'DELETE /api/v1/admin/users/{id}/factors': onUser,
  'POST /api/v1/admin/clients/{id}/secrets': async () => ({ id: (await aMachine(world, ['a'])).id }),
  'DELETE /api/v1/admin/clients/{id}/secrets/{prefix}': () => aMachine(world, ['a']),
  'DELETE /api/v1/admin/clients/{id}': async () => ({ id: (await aMachine(world, ['a'])).id }),
  'POST /api/v1/oauth/token': async () => {
    const { id, secret } = await aMachine(world, ['users:read'])
    return { headers: { authorization: basic(id, secret) } }
  },
  'POST /api/v1/oauth/introspect': async () => {
    const { id, secret } = await aMachine(world, ['introspect'])
    const { access: token } = await anAccount(client)
    return { headers: { authorization: basic(id, secret) }, fields: { token } }
  },
  'POST /api/v1/oauth/revoke': async () => {
    const { id, secret } = await aMachine(world, ['revoke'])
    const { access: token } = await anAccount(client)
    return { headers: { authorization: basic(id, secret) }, fields: { token } }
  },
  'GET /api/v1/admin/emails': async () => ({ query: '?status=sent' }),
  'POST /api/v1/admin/emails/{id}/retry': onFailedEmail,
  'GET /api/v1/admin/audit-events': async () => ({
    query: '?type=user.registered&from=2020-01-01T00:00:00Z',
  }),
  'GET /api/v1/sites/{slug}': async () => ({ slug: await world.aSite() }),
  'POST /api/v1/sites/{slug}/purchase': async () => ({ slug: await world.aSite() }),
  'PATCH /api/v1/admin/sites/{slug}': async () => ({
    slug: await world.aSite(),
    fields: { status: 'sold', image_url: null },
  }),
  'GET /api/v1/admin/purchases': async () => {
    await world.aPurchase()
    return { query: '?status=pending' }
  },
  'POST /api/v1/admin/purchases/{id}/refunded': async () => {
    const purchase = await world.aPurchase()
    await world.sendEvent('payment_intent.succeeded', purchase)
    return { id: purchase.id }
  },
  'POST /api/v1/webhooks/recurrente': async () => {
    const { id: purchaseId, checkoutId, email } = await world.aPurchase()
    const event = { purchaseId, checkoutId, email, paymentId: 'pa_1', amount: 12_500, currency: 'GTQ' }
    const body = sampleEvent('payment_intent.succeeded', event)
    return { body: JSON.parse(body), headers: signedHeaders(secret, body) }
  },
}

/** An access token for an operation that needs one. */
const tokenFor = async (path: string, { security }: Operation): Promise<string | undefined> => {
  const isToken = (scheme: object) => 'accessToken' in scheme || 'machineToken' in scheme
  if (!security.length || !security.every(isToken)) return undefined
  return path.includes('/admin/') ? adminToken() : (await anAccount(client)).access
}

/** The values of these parameters in the document. */
const examplesIn = ({ parameters = [] }: Operation, place: string): Record<string, string> =>
  Object.fromEntries(
    parameters.flatMap(({ in: where, name, example }) =>
      where === place && example !== undefined ? [[name, String(example)]] : [],
    ),
  )

/** The request of the example, with what it needs to succeed. */
const successOf = async (name: string, path: string, operation: Operation): Promise<Sent> => {
  const { fields, ...given } = (await needs[name]?.()) ?? {}
  const [content] = Object.values(operation.requestBody?.content ?? {})
  return {
    token: given.token ?? (await tokenFor(path, operation)),
    query: `?${new URLSearchParams(examplesIn(operation, 'query'))}`,
    headers: examplesIn(operation, 'header'),
    ...(content && { body: { ...content.example, ...fields } }),
    ...given,
  }
}

test('the document is valid OpenAPI 3.1', async t => {
  t.regex(document.openapi, /^3\.1\./)
  const { valid, errors } = await new Validator().validate(structuredClone(published))
  t.true(valid, JSON.stringify(errors, null, 2))
  const ids = operations.map(({ operation }) => operation.operationId)
  t.is(new Set(ids).size, ids.length, 'two operations have the same id')
})

test('every route is in the OpenAPI document, and the document has no other operation', t => {
  const all = allRoutes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
  t.deepEqual(operations.map(({ name }) => name).sort(), all.sort())
})

const codes: readonly (string | undefined)[] = problems.map(({ code }) => code)

test('every problem code in the document exists and is listed under its own status', t => {
  const found = [...JSON.stringify(document).matchAll(/`([A-Z]+(?:_[A-Z]+)+)`: /g)].map(([, code]) => code)
  t.true(found.length > 0)
  for (const { operation } of operations)
    for (const [status, { content, 'x-problem-codes': own = [] }] of Object.entries(operation.responses)) {
      t.is(
        own.length > 0,
        content?.['application/problem+json'] !== undefined,
        `${operation.operationId} ${status}`,
      )
      for (const each of own) t.true(codes.includes(each), each)
    }
  for (const code of found) t.true(codes.includes(code), code)
})

test('two operations never share a summary, so that readers can tell PUT from PATCH', t => {
  const summaries = operations.map(({ operation }) => operation.summary)
  t.deepEqual(
    summaries.filter((each, at) => summaries.indexOf(each) !== at),
    [],
  )
})

/** Paths of inline object schemas. Code generators create an anonymous type for each of them. */
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

test('document → names the refresh cookie and the routes that read and set it', t => {
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

test('a request of this test for an operation that the document lacks → fails', t => {
  const names = operations.map(({ name }) => name)
  t.deepEqual(
    Object.keys(needs).filter(name => !names.includes(name)),
    [],
  )
})

for (const { name, method, path, operation } of operations) {
  test.serial(`${name}: successful request and reply conform to the document`, async t => {
    const sent = await successOf(name, path, operation)
    const [content] = Object.values(operation.requestBody?.content ?? {})
    if (content) {
      t.deepEqual(bodyErrors(content.schema, sent.body, name), [])
      const unknown = bodyErrors(content.schema, { ...sent.body, nonsense: true }, name)
      // The payment gateway may add fields to its events, so the webhook accepts unknown ones.
      // RFC 6749 asks to ignore unknown parameters.
      const isIgnored = path.includes('/webhooks/') || path.includes('/oauth/')
      t.is(unknown.length === 0, isIgnored, 'unknown fields are rejected')
    }
    const reply = await send(method, path, operation, sent)
    t.true(reply.status < 400, reply.text)
    t.deepEqual(errorsOfReply(operation, reply), [])
  })

  test.serial(`${name}: every error reply conforms to the document`, async t => {
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
      t.deepEqual(errorsOfReply(operation, reply), [], JSON.stringify(each).slice(0, 80))
    }
  })
}
