import anyTest from 'ava'
import type { AuditType } from '../../../src/platform/catalog/audit-events.ts'
import type { Route } from '../../../src/platform/http/route.ts'
import type { ShopAuditType } from '../../../src/shop/catalog/audit-events.ts'
import { signedHeaders } from '../../../src/shop/gateway-stub/sample-events.ts'
import { newAuthenticator } from '../../authenticator.ts'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password } from '../../fixtures.ts'
import { allRoutes, exampleBody } from '../../routes.ts'

import { anApp, totpOf } from '../../totp.ts'
import { aMachine, askToken, basic, clientsPath, postForm } from '../clients/machine.ts'
import {
  aVerifiedAccount,
  changeEmail,
  requestEmailChange,
  untilNoEmailQueued,
  waitForLink,
} from '../email-change/change-email.ts'
import { confirm as confirmLogin, requestLoginMail } from '../email-login/login-mail.ts'
import { addAPasskey } from '../factors/undo-links.ts'
import { newPassword } from '../passwords/user-with-reset-mail.ts'
import { eventOf, openShop, secret, webhookPath } from '../purchases/shop.ts'

// Every route that changes state, and every export, stores an audit event with the values before and after.

const test = anyTest.serial

const shop = await openShop({ worker: true, env: { RATE_LIMITS: 'off' } })
const { client, sql } = shop
const admin = { token: shop.admin }
const oauthMachine = await aMachine(shop, ['introspect', 'revoke'], shop.admin)
const adminId = (await client.get('me', admin)).body.id
anyTest.after.always(() => shop[Symbol.asyncDispose]())

const auth = '/api/v1/auth'

type Event = {
  type: AuditType | ShopAuditType
  user_id: string | null
  actor_id: string | null
  ip: string | null
  data: { before?: object; after?: object } & Record<string, unknown>
}

/**
 * The request to a route and the audit event that it stores. `before` and `after` are the changed values in the event,
 * and are absent if the route changes no value.
 */
type Case = {
  type?: AuditType | ShopAuditType
  act: () => Promise<Reply>
  before?: object
  after?: object
  /** Recipients of the emails that the event names, by the field of the event. */
  emails?: Record<string, string>
}

const form = (path: string, fields: Record<string, string>): Promise<Reply> =>
  client.send('POST', path, {
    body: new URLSearchParams(fields).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })

const asMachine = (name: 'introspect' | 'revoke', token: string): Promise<Reply> => {
  const authorization = basic(oauthMachine.id, oauthMachine.secret)
  return postForm(client, `/api/v1/oauth/${name}`, { token }, { authorization })
}

const tokenTo = async (email: string, page: string, count = 1) =>
  (await waitForLink(shop, email, page, count)).token

const undoDeletionToken = async () => {
  const { email, access: token } = await aVerifiedAccount(shop)
  await client.send('DELETE', 'me', { token, body: { password } })
  return tokenTo(email, 'undo-deletion')
}

const resetToken = async () => {
  const { email } = await anAccount(client)
  await client.post('forgot-password', { email })
  return tokenTo(email, 'reset-password')
}

const aFailedEmail = async () => {
  const { email } = await aVerifiedAccount(shop)
  await untilNoEmailQueued(shop)
  const [row] = await sql<{ id: string }>(
    `UPDATE emails SET status = 'failed' WHERE recipient = $1 AND kind = 'welcome' RETURNING id`,
    [email],
  )
  return row?.id ?? ''
}

const changePassword =
  (method: string): (() => Promise<Case>) =>
  async () => {
    const { access: token } = await anAccount(client)
    const body = exampleBody(`${method} ${auth}/change-password`)
    return { type: 'password.changed', act: () => client.send(method, 'change-password', { token, body }) }
  }

const changeProfile =
  (method: string): (() => Promise<Case>) =>
  async () => {
    const { access: token } = await anAccount(client, { full_name: 'Ada', phone: '+442071838750' })
    return {
      type: 'user.profile_changed',
      act: () => client.send(method, 'me', { token, body: { full_name: 'Ada King', phone: null } }),
      before: { full_name: 'Ada', phone: '+442071838750' },
      after: { full_name: 'Ada King', phone: null },
    }
  }

const verified = { before: { email_verified: false }, after: { email_verified: true } }

const undoneDeletion = (path: string, send: typeof form | typeof client.post) => async (): Promise<Case> => {
  const token = await undoDeletionToken()
  return { type: 'user.deletion_undone', act: () => send(path, { token }), after: { erase_after: null } }
}

const verifies = (path: string, send: typeof form | typeof client.post) => async (): Promise<Case> => {
  const { email } = await anAccount(client)
  const token = await tokenTo(email, 'verify-email')
  return { type: 'user.email_verified', act: () => send(path, { token }), ...verified }
}

const resets = (path: string, send: typeof form | typeof client.post) => async (): Promise<Case> => {
  const token = await resetToken()
  return { type: 'password.reset', act: () => send(path, { token, new_password: newPassword }), ...verified }
}

const rejects = (path: string, send: typeof form | typeof client.post) => async (): Promise<Case> => {
  const { email } = await anAccount(client)
  const token = await tokenTo(email, 'verify-email')
  return { type: 'user.rejected', act: () => send(path, { token }) }
}

const requestsLink =
  (type: AuditType, path: string, send: typeof form | typeof client.post) => async (): Promise<Case> => {
    const email = anEmail()
    return { type, act: () => send(path, { email }), emails: { email_id: email } }
  }

const confirms = (path: string, send: typeof form | typeof client.post) => async (): Promise<Case> => {
  const account = await aVerifiedAccount(shop)
  const newEmail = anEmail()
  const { token } = await requestEmailChange(shop, account, newEmail)
  return {
    type: 'email.changed',
    act: () => send(path, { token }),
    emails: { email_id: newEmail, notice_id: account.email },
  }
}

const undoesEmailChange =
  (path: string, send: typeof form | typeof client.post) => async (): Promise<Case> => {
    const account = await aVerifiedAccount(shop)
    await changeEmail(shop, account, anEmail())
    const token = await tokenTo(account.email, 'undo-email-change')
    return {
      type: 'email.change_undone',
      act: () => send(path, { token }),
      emails: { email_id: account.email },
    }
  }

const anEnrolledUser = async () => {
  const { access: token } = await anAccount(client)
  return { token, ...(await anApp(client, token)) }
}

const undoesFactor = (path: string, send: typeof form | typeof client.post) => async (): Promise<Case> => {
  const { email, access } = await aVerifiedAccount(shop)
  await anApp(client, access)
  const token = await tokenTo(email, 'undo-factor')
  return { type: 'factor.undone', act: () => send(path, { token }), emails: { email_id: email } }
}

const post = client.post
const cases: Record<string, () => Promise<Case>> = {
  'POST /api/v1/auth/register': async () => ({
    type: 'user.registered',
    act: () => client.post('register', exampleBody('POST /api/v1/auth/register', { email: anEmail() })),
  }),
  'POST /api/v1/auth/login': async () => {
    const { email } = await anAccount(client)
    return { type: 'login.succeeded', act: () => client.post('login', { email, password }) }
  },
  'POST /api/v1/auth/login/email': requestsLink('login.email_requested', 'login/email', post),
  'POST /api/v1/auth/login/email/confirm': async () => {
    const { email } = await aVerifiedAccount(shop)
    const { login_token, code } = await requestLoginMail(shop, email)
    return { type: 'login.succeeded', act: () => confirmLogin(client, { login_token, code }) }
  },
  'POST /api/v1/auth/factors/totp/confirm': async () => {
    const { access: token } = await anAccount(client)
    const { secret } = (await client.send('POST', 'factors/totp', { token })).body
    const body = { code: totpOf(secret, Date.now()), name: 'Phone' }
    const act = () => client.post('factors/totp/confirm', body, { token })
    return { type: 'factor.added', act, after: { type: 'totp', name: 'Phone' } }
  },
  'POST /api/v1/auth/factors/recovery-codes': async () => {
    const { token } = await anEnrolledUser()
    const act = () => client.send('POST', 'factors/recovery-codes', { token })
    return { type: 'recovery_codes.replaced', act }
  },
  'PATCH /api/v1/auth/factors/:id': async () => {
    const { token, id } = await anEnrolledUser()
    const act = () => client.patch(`factors/${id}`, { name: 'Phone' }, { token })
    const [before, after] = [{ name: 'Authenticator app' }, { name: 'Phone' }]
    return { type: 'factor.renamed', act, before, after }
  },
  'DELETE /api/v1/auth/factors/:id': async () => {
    const { token, id } = await anEnrolledUser()
    const act = () => client.send('DELETE', `factors/${id}`, { token })
    return { type: 'factor.removed', act, before: { type: 'totp', name: 'Authenticator app' } }
  },
  'POST /api/v1/auth/login/mfa': async () => {
    const { email, access } = await anAccount(client)
    const { secret } = await anApp(client, access)
    const { body } = await client.post('login', { email, password })
    const evidence = { mfa_token: body.mfa_token, code: totpOf(secret, Date.now() + 30_000) }
    return { type: 'login.succeeded', act: () => client.post('login/mfa', evidence) }
  },
  'POST /api/v1/auth/login/passkey': async () => {
    const { access } = await anAccount(client)
    const authenticator = newAuthenticator()
    await addAPasskey(client, access, authenticator)
    const { body } = await client.post('login/passkey/options', {})
    const credential = authenticator.get(body)
    return { type: 'login.succeeded', act: () => client.post('login/passkey', { credential }) }
  },
  'POST /api/v1/auth/factors/passkeys': async () => {
    const { access: token } = await anAccount(client)
    const { body } = await client.post('factors/passkeys/options', {}, { token })
    const credential = newAuthenticator().create(body)
    const act = () => client.post('factors/passkeys', { credential }, { token })
    return { type: 'factor.added', act, after: { type: 'passkey', name: 'Passkey' } }
  },
  'PATCH /api/v1/auth/me': changeProfile('PATCH'),
  'PUT /api/v1/auth/me': changeProfile('PUT'),
  'GET /api/v1/auth/me/export': async () => {
    const { access: token } = await anAccount(client)
    return { type: 'user.exported', act: () => client.get('me/export', { token }) }
  },
  'DELETE /api/v1/auth/me': async () => {
    const { access: token } = await anAccount(client)
    const act = () => client.send('DELETE', 'me', { token, body: { password } })
    return { type: 'user.deleted', act, before: { erase_after: null } }
  },
  'POST /api/v1/auth/undo-deletion': undoneDeletion('undo-deletion', post),
  'POST /api/v1/auth/undo-deletion/confirm': undoneDeletion(`${auth}/undo-deletion/confirm`, form),
  'POST /api/v1/auth/logout': async () => {
    const { access: token } = await anAccount(client)
    return { type: 'session.ended', act: () => client.post('logout', {}, { token }) }
  },
  'POST /api/v1/auth/logout-all': async () => {
    const { access: token } = await anAccount(client)
    return { type: 'sessions.ended', act: () => client.post('logout-all', undefined, { token }) }
  },
  'DELETE /api/v1/auth/sessions/:id': async () => {
    const { access: token, sessionId } = await anAccount(client)
    return { type: 'session.ended', act: () => client.send('DELETE', `sessions/${sessionId}`, { token }) }
  },
  'POST /api/v1/auth/verify-email': verifies('verify-email', post),
  'POST /api/v1/auth/verify-email/confirm': verifies(`${auth}/verify-email/confirm`, form),
  'POST /api/v1/auth/reject-account': rejects('reject-account', post),
  'POST /api/v1/auth/reject-account/confirm': rejects(`${auth}/reject-account/confirm`, form),
  'POST /api/v1/auth/resend-verification': requestsLink(
    'email.verification_requested',
    'resend-verification',
    post,
  ),
  'POST /api/v1/auth/resend-verification/confirm': requestsLink(
    'email.verification_requested',
    `${auth}/resend-verification/confirm`,
    form,
  ),
  'POST /api/v1/auth/forgot-password': requestsLink('password.reset_requested', 'forgot-password', post),
  'POST /api/v1/auth/forgot-password/confirm': requestsLink(
    'password.reset_requested',
    `${auth}/forgot-password/confirm`,
    form,
  ),
  'POST /api/v1/auth/reset-password': resets('reset-password', post),
  'POST /api/v1/auth/reset-password/confirm': resets(`${auth}/reset-password/confirm`, form),
  'POST /api/v1/auth/change-password': changePassword('POST'),
  'PUT /api/v1/auth/change-password': changePassword('PUT'),
  'POST /api/v1/auth/change-email': async () => {
    const { access: token } = await anAccount(client)
    const newEmail = anEmail()
    const body = exampleBody('POST /api/v1/auth/change-email', { new_email: newEmail })
    return {
      type: 'email.change_requested',
      act: () => client.post('change-email', body, { token }),
      emails: { email_id: newEmail },
    }
  },
  'POST /api/v1/auth/confirm-email': confirms('confirm-email', post),
  'POST /api/v1/auth/confirm-email/confirm': confirms(`${auth}/confirm-email/confirm`, form),
  'POST /api/v1/auth/undo-email-change': undoesEmailChange('undo-email-change', post),
  'POST /api/v1/auth/undo-email-change/confirm': undoesEmailChange(`${auth}/undo-email-change/confirm`, form),
  'POST /api/v1/auth/undo-factor': undoesFactor('undo-factor', post),
  'POST /api/v1/auth/undo-factor/confirm': undoesFactor(`${auth}/undo-factor/confirm`, form),
  'DELETE /api/v1/admin/users/:id/factors': async () => {
    const { access, userId } = await anAccount(client)
    await anApp(client, access)
    const act = () => client.send('DELETE', `/api/v1/admin/users/${userId}/factors`, admin)
    return { type: 'factors.reset', act }
  },
  'PATCH /api/v1/admin/users/:id': async () => {
    const { userId } = await aVerifiedAccount(shop)
    return {
      type: 'user.roles_changed',
      act: () => client.patch(`/api/v1/admin/users/${userId}`, { roles: ['user', 'admin'] }, admin),
      before: { roles: ['user'] },
      after: { roles: ['user', 'admin'] },
    }
  },
  'DELETE /api/v1/admin/users/:id': async () => {
    const { userId } = await anAccount(client)
    const act = () => client.send('DELETE', `/api/v1/admin/users/${userId}`, admin)
    return { type: 'user.deleted', act, before: { erase_after: null } }
  },
  'POST /api/v1/admin/users/:id/logout': async () => {
    const { userId } = await anAccount(client)
    const act = () => client.post(`/api/v1/admin/users/${userId}/logout`, undefined, admin)
    return { type: 'sessions.ended', act }
  },
  'POST /api/v1/admin/emails/:id/retry': async () => {
    const id = await aFailedEmail()
    return {
      type: 'email.retried',
      act: () => client.post(`/api/v1/admin/emails/${id}/retry`, undefined, admin),
      before: { status: 'failed' },
      after: { status: 'queued' },
    }
  },
  'POST /api/v1/admin/sites': async () => {
    const body = exampleBody('POST /api/v1/admin/sites', { slug: `made-${Date.now()}` })
    return { type: 'site.created', act: () => client.post('/api/v1/admin/sites', body, admin), after: body }
  },
  'PATCH /api/v1/admin/sites/:slug': async () => {
    const slug = await shop.aSite({ price: 12_500 })
    return {
      type: 'site.updated',
      act: () => client.patch(`/api/v1/admin/sites/${slug}`, { price: 1, name: 'Corner bakery' }, admin),
      before: { price: 12_500 },
      after: { price: 1 },
    }
  },
  'POST /api/v1/sites/:slug/purchase': async () => {
    const slug = await shop.aSite()
    const body = exampleBody('POST /api/v1/sites/:slug/purchase', { email: anEmail() })
    return {
      type: 'purchase.started',
      act: () => client.post(`/api/v1/sites/${slug}/purchase`, body),
      after: { status: 'pending' },
    }
  },
  'POST /api/v1/admin/purchases/:id/refunded': async () => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase)
    return {
      type: 'purchase.refunded',
      act: () => client.post(`/api/v1/admin/purchases/${purchase.id}/refunded`, undefined, admin),
      before: { status: 'paid' },
      after: { status: 'refunded' },
    }
  },
  'POST /api/v1/admin/clients': async () => ({
    type: 'client.created',
    act: () => client.post(clientsPath, { name: 'Orders', scopes: ['a'] }, admin),
    after: { name: 'Orders', scopes: ['a'] },
  }),
  'POST /api/v1/admin/clients/:id/secrets': async () => {
    const { id, prefix } = await aMachine(shop, ['a'], shop.admin)
    return {
      type: 'client.secret_added',
      act: () => client.post(`${clientsPath}/${id}/secrets`, undefined, admin),
      before: { secrets: [prefix] },
    }
  },
  'DELETE /api/v1/admin/clients/:id/secrets/:prefix': async () => {
    const { id, prefix } = await aMachine(shop, ['a'], shop.admin)
    return {
      type: 'client.secret_dropped',
      act: () => client.send('DELETE', `${clientsPath}/${id}/secrets/${prefix}`, admin),
      before: { secrets: [prefix] },
      after: { secrets: [] },
    }
  },
  'DELETE /api/v1/admin/clients/:id': async () => {
    const { id, prefix } = await aMachine(shop, ['a'], shop.admin)
    return {
      type: 'client.revoked',
      act: () => client.send('DELETE', `${clientsPath}/${id}`, admin),
      before: { secrets: [prefix], revoked: false },
      after: { secrets: [], revoked: true },
    }
  },
  'POST /api/v1/oauth/revoke': async () => {
    const { access } = await anAccount(client)
    return { type: 'session.ended', act: () => asMachine('revoke', access) }
  },
  'POST /api/v1/webhooks/recurrente': async () => {
    const purchase = await shop.aPurchase()
    const body = eventOf('payment_intent.succeeded', purchase)
    const payment_id = `pa_${purchase.checkoutId}`
    return {
      type: 'purchase.paid',
      act: () => client.post(webhookPath, body, { headers: signedHeaders(secret, body) }),
      before: { status: 'pending', claim: null, payment_id: null },
      after: { status: 'paid', claim: 'done', payment_id },
    }
  },
}

/** The request of the example, by a new user or an administrator. It must store an event of any type. */
const exampleCase = async ({ method, path, auth, example }: Route): Promise<Case> => {
  const caller = auth === 'bearer' ? { token: (await anAccount(client)).access } : {}
  const token = auth === 'admin' ? admin : caller
  return { act: () => client.send(method, path, { ...token, body: example?.body }) }
}

const name = ({ method, path }: { method: string; path: string }): string => `${method} ${path}`
const changing = allRoutes.filter(({ method, path }) => method !== 'GET' || path.endsWith('/export'))
const audited = changing.filter(({ unaudited }) => unaudited === undefined)

test('a case here for a route that does not exist or stores no event → fails', t => {
  const names = audited.map(name)
  t.true(names.length > 35)
  t.deepEqual(
    Object.keys(cases).filter(each => !names.includes(each)),
    [],
  )
})

const eventsSince = (last: string) =>
  sql<Event & { id: string }>('SELECT * FROM audit_events WHERE id > $1 ORDER BY id', [last])

const lastEvent = async (): Promise<string> => {
  const [row] = await sql<{ id: string }>('SELECT id FROM audit_events ORDER BY id DESC LIMIT 1')
  return row?.id ?? '00000000-0000-0000-0000-000000000000'
}

for (const route of audited)
  test(`${name(route)} → an audit event with the changed values`, async t => {
    const {
      type,
      act,
      before,
      after,
      emails = {},
    } = await (cases[name(route)] ?? (() => exampleCase(route)))()
    const last = await lastEvent()
    const reply = await act()
    t.true(reply.status < 400, reply.text)
    const found = await eventsSince(last)
    const event = found.find(each => type === undefined || each.type === type)
    t.truthy(event, `no event of type ${type ?? 'any'} among ${found.map(each => each.type)}`)
    if (before) t.like(event?.data.before, before)
    if (after) t.like(event?.data.after, after)
    for (const [field, recipient] of Object.entries(emails)) {
      const rows = await sql('SELECT recipient FROM emails WHERE id = $1', [event?.data[field]])
      t.deepEqual(rows, [{ recipient }], field)
    }
    const isByAdmin = route.auth === 'admin'
    t.is(event?.actor_id ?? null, isByAdmin ? adminId : null)
    t.is(event?.ip, type === 'purchase.paid' ? null : '127.0.0.1')
  })

/** Requests without an event that need more than the example of their route. */
const withoutEvent: Record<string, { status: number; act: (account: Account) => Promise<Reply> }> = {
  'POST /api/v1/auth/refresh': {
    status: 200,
    act: ({ refresh }) => client.post('refresh', { refresh_token: refresh }),
  },
  'POST /api/v1/oauth/token': {
    status: 200,
    act: () => askToken(client, oauthMachine),
  },
  'POST /api/v1/oauth/introspect': {
    status: 200,
    act: ({ access }) => asMachine('introspect', access),
  },
  'POST /api/v1/auth/verify-reset-token': {
    status: 401,
    act: ({ email }) => client.post('verify-reset-token', { email, code: '12345678' }),
  },
}

for (const route of changing.filter(({ unaudited }) => unaudited !== undefined))
  test(`${name(route)} → no audit event: ${route.unaudited}`, async t => {
    const account = await anAccount(client)
    const { act } = await exampleCase(route)
    const last = await lastEvent()
    const special = withoutEvent[name(route)]
    const reply = await (special?.act(account) ?? act())
    t.true(special ? reply.status === special.status : reply.status < 400, reply.text)
    t.deepEqual(await eventsSince(last), [])
  })

test('a change to the current values → no audit event', async t => {
  const { access: token } = await anAccount(client, { full_name: 'Ada' })
  const slug = await shop.aSite({ price: 12_500 })
  const last = await lastEvent()
  t.is((await client.patch('me', { full_name: 'Ada' }, { token })).status, 200)
  t.is((await client.patch(`/api/v1/admin/sites/${slug}`, { price: 12_500 }, admin)).status, 200)
  t.deepEqual(await eventsSince(last), [])
})

test('all stored audit events → no email address, password, token, code or hash', async t => {
  const rows = await sql<{ data: object }>('SELECT data FROM audit_events WHERE data IS NOT NULL')
  t.true(rows.length > 20)
  const text = JSON.stringify(rows)
  t.notRegex(text, /@|lk[rp]_|v4\.public|\$2[aby]\$|password_hash|"code"|horse 9|staple|phrase/)
})
