import { writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import anyTest from 'ava'
import { type Account, anAccount, anEmail, password } from '../../fixtures.ts'
import { anApp } from '../../totp.ts'
import { runCommand } from '../cli/run-command.ts'
import { aMachine } from '../clients/machine.ts'
import { aVerifiedAccount, untilNoEmailQueued } from '../email-change/change-email.ts'
import { openShop } from '../purchases/shop.ts'

// Which data audit events hold, who can read it, and when it is erased.

const test = anyTest.serial

const shop = await openShop({ worker: true })
anyTest.after.always(() => shop[Symbol.asyncDispose]())

const { client, sql, env } = shop
const admin = { token: shop.admin }

type AuditEvent = { type: string; user_id: string | null; actor_id: string | null; data: Data | null }
type Data = Record<string, unknown> & { before?: Record<string, unknown>; after?: Record<string, unknown> }

const eventsOf = async (query: string): Promise<AuditEvent[]> => {
  const { status, body } = await client.get(`/api/v1/admin/audit-events?${query}`, admin)
  if (status !== 200) throw new Error(`audit-events answered ${status}`)
  return body.data
}

test('an administrator lowers a price, sells and restores it → the log shows all prices and the sale', async t => {
  const slug = await shop.aSite({ price: 1_250_000 })
  const price = async (value: number) =>
    t.is((await client.patch(`/api/v1/admin/sites/${slug}`, { price: value }, admin)).status, 200)
  await price(1)
  const purchase = await shop.aPurchase({ slug })
  t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { amount: 1 })).status, 204)
  await price(1_250_000)

  const events = (await eventsOf('limit=20')).filter(({ data }) => data?.site === slug).reverse()
  const me = (await client.get('me', admin)).body.id
  t.deepEqual(
    events.map(({ type, actor_id, data }) => [type, actor_id, data?.before, data?.after]),
    [
      ['site.created', me, undefined, events[0]?.data?.after],
      ['site.updated', me, { price: 1_250_000 }, { price: 1 }],
      ['purchase.started', null, undefined, { status: 'pending' }],
      [
        'purchase.paid',
        null,
        { status: 'pending', claim: null, payment_id: null },
        { status: 'paid', claim: 'done', payment_id: `pa_${purchase.checkoutId}` },
      ],
      ['site.updated', me, { price: 1 }, { price: 1_250_000 }],
    ],
  )
  t.like(events[0]?.data?.after, { price: 1_250_000, currency: 'GTQ', name: 'Corner bakery' })
  for (const type of ['purchase.started', 'purchase.paid'])
    t.like(events.find(each => each.type === type)?.data, { purchase_id: purchase.id, amount: 1 })
})

test('failed payment, wrong amount, refund, or end without a payment → one audit event each', async t => {
  const [failed, wrong, refunded] = [await shop.aPurchase(), await shop.aPurchase(), await shop.aPurchase()]
  await shop.sendEvent('payment_intent.failed', failed)
  await shop.sendEvent('payment_intent.succeeded', wrong, { amount: 1 })
  await shop.sendEvent('payment_intent.succeeded', refunded)
  await shop.sendEvent('refund.succeeded', refunded)
  const ended = await shop.aPurchase()
  await sql(`UPDATE purchases SET checkout_id = NULL, look_after = now() WHERE id = $1`, [ended.id])
  await shop.run('reconcile')
  const of = async (id: string) =>
    (await eventsOf('limit=40')).filter(({ data }) => data?.purchase_id === id).map(({ type }) => type)
  t.deepEqual(await of(failed.id), ['purchase.failed', 'purchase.started'])
  t.deepEqual(await of(wrong.id), ['purchase.issue_raised', 'purchase.started'])
  t.deepEqual(await of(refunded.id), ['purchase.refunded', 'purchase.paid', 'purchase.started'])
  t.deepEqual(await of(ended.id), ['purchase.expired', 'purchase.started'])
  const [raised] = await eventsOf('type=purchase.issue_raised&limit=1')
  t.like(raised?.data?.after, { issue: 'amount_mismatch', paid_amount: '1', paid_currency: 'GTQ' })
})

test('a password reset claims a purchase → the audit event of the reset names the purchase', async t => {
  const account = await aVerifiedAccount(shop)
  const purchase = await shop.aPurchase({ email: account.email })
  await shop.sendEvent('payment_intent.succeeded', purchase)
  const { link } = await shop.mails.to(account.email, 1, '/reset-password?')
  const token = new URL(link).searchParams.get('token')
  t.is((await client.post('reset-password', { token, new_password: 'the buyer 12 phrase' })).status, 204)
  const [event] = await eventsOf(`user_id=${account.userId}&type=password.reset`)
  t.deepEqual(event?.data, { before: {}, after: {}, claim: { purchases: [purchase.id] } })
})

const exported = async ({ access: token }: Account) => {
  const { body } = await client.get('me/export', { token })
  return body.audit_events as { type: string; data: Data | null; ip: string | null }[]
}

test('export → the data of audit events is included, without details of the operator', async t => {
  const account = await aVerifiedAccount(shop, { full_name: 'Ada' })
  await client.patch('me', { full_name: 'Ada King' }, { token: account.access })
  const changed = (await exported(account)).find(({ type }) => type === 'user.profile_changed')
  t.deepEqual(changed?.data, { before: { full_name: 'Ada' }, after: { full_name: 'Ada King' } })
  t.is((await runCommand(env, ['users', 'promote', account.email, '--json'])).code, 0)
  const { body } = await client.post('login', { email: account.email, password })
  const promoted = (await exported({ ...account, access: body.access_token })).find(
    ({ type }) => type === 'user.roles_changed',
  )
  t.deepEqual(promoted?.data, { before: { roles: ['user'] }, after: { roles: ['user', 'admin'] } })
  await sql(`UPDATE users SET roles = '{user}' WHERE id = $1`, [account.userId])
})

test('an account is erased → its personal data is gone from all events; other data stays', async t => {
  const account = await aVerifiedAccount(shop, { full_name: 'Ada Canary', phone: '+442071838750' })
  await client.patch('me', { full_name: 'Zoe Canary', phone: null }, { token: account.access })
  await sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [account.userId])
  const slug = await shop.aSite()
  const body = { price: 7 }
  await client.patch(`/api/v1/admin/sites/${slug}`, body, { token: account.access })
  await sql(`UPDATE users SET erase_after = now() - interval '1 second' WHERE id = $1`, [account.userId])
  t.is(await shop.run('eraseAccounts'), 1)
  const rows = await sql<{ type: string; data: Data; ip: string | null }>(
    'SELECT * FROM audit_events WHERE data IS NOT NULL',
  )
  t.notRegex(JSON.stringify(rows), /Canary|442071838750/)
  const kept = rows.find(({ type, data }) => type === 'site.updated' && data.site === slug)
  t.deepEqual(kept?.data, { site: slug, before: { price: 12_500 }, after: { price: 7 } })
  t.is(kept?.ip, null)
})

test('a guest is erased → events lose IP address and user agent, and keep the purchase', async t => {
  const from = { 'user-agent': 'CanaryBrowser/7' }
  const purchase = await shop.aPurchase({ headers: from })
  const other = await shop.aPurchase({ headers: from })
  await sql(
    `UPDATE purchases SET status = 'expired', updated_at = now() - interval '31 days' WHERE id = $1`,
    [purchase.id],
  )
  await shop.run('forgetBuyers')
  const startOf = async (id: string) => {
    const [event] = await sql<{ ip: string | null; user_agent: string | null; data: Data }>(
      `SELECT * FROM audit_events WHERE type = 'purchase.started' AND data->>'purchase_id' = $1`,
      [id],
    )
    return event
  }
  t.like(await startOf(purchase.id), { ip: null, user_agent: null, data: { purchase_id: purchase.id } })
  t.like(await startOf(other.id), { ip: '127.0.0.1', user_agent: 'CanaryBrowser/7' })
})

const operator = process.env.SUDO_USER || userInfo().username

/** Commands without a case below, and why. */
const commandsWithoutCase: Record<string, string> = {
  'keys list': 'reads',
  'keys rotate': 'its events are checked in signing-keys/commands.test.ts',
  'secrets status': 'reads',
  'clients list': 'reads',
  'emails failed': 'reads',
  'emails test': 'sends one email directly, without a row in emails',
  'webhooks send': 'calls the service, which stores its own event',
}

const commands: Record<
  string,
  () => Promise<{ type: string; args: string[]; input?: string; data: object }>
> = {
  'users create': async () => ({
    type: 'user.registered',
    args: ['users', 'create', anEmail(), '--verified', '--json'],
    input: password,
    data: { after: { email_verified: true, roles: ['user'], has_password: true } },
  }),
  'users promote': async () => ({
    type: 'user.roles_changed',
    args: ['users', 'promote', (await aVerifiedAccount(shop)).email],
    data: { before: { roles: ['user'] }, after: { roles: ['user', 'admin'] } },
  }),
  'users demote': async () => {
    const { email, userId } = await aVerifiedAccount(shop)
    await sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [userId])
    const data = { before: { roles: ['user', 'admin'] }, after: { roles: ['user'] } }
    return { type: 'user.roles_changed', args: ['users', 'demote', email], data }
  },
  'users deactivate': async () => ({
    type: 'user.deactivated',
    args: ['users', 'deactivate', (await aVerifiedAccount(shop)).email],
    data: { before: { is_active: true }, after: { is_active: false } },
  }),
  'users activate': async () => {
    const { email, userId } = await aVerifiedAccount(shop)
    await sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
    const data = { before: { is_active: false }, after: { is_active: true } }
    return { type: 'user.activated', args: ['users', 'activate', email], data }
  },
  'users reset-factors': async () => {
    const { email, access } = await aVerifiedAccount(shop)
    const { id } = await anApp(client, access)
    await sql(`DELETE FROM factors WHERE type = 'recovery_codes'`)
    return { type: 'factors.reset', args: ['users', 'reset-factors', email], data: { factor_ids: [id] } }
  },
  'users import': async () => {
    const file = join(tmpdir(), `latchkey-audit-${process.pid}.jsonl`)
    await writeFile(file, `${JSON.stringify({ email: anEmail(), email_verified: true, full_name: 'Ada' })}\n`)
    const data = { after: { email_verified: true, roles: ['user'], has_password: false } }
    return { type: 'user.imported', args: ['users', 'import', file], data }
  },
  'keys retire': async () => {
    const { json } = await runCommand(env, ['keys', 'rotate', '--json'])
    const data = { kid: json.kid, before: { status: 'published' } }
    return { type: 'signing_key.retired', args: ['keys', 'retire', json.kid], data }
  },
  'clients create': async () => ({
    type: 'client.created',
    args: ['clients', 'create', 'Orders', '--scope', 'a', '--scope', 'b'],
    data: { after: { name: 'Orders', scopes: ['a', 'b'] } },
  }),
  'clients add-secret': async () => {
    const { id, prefix } = await aMachine(shop, ['a'], shop.admin)
    return {
      type: 'client.secret_added',
      args: ['clients', 'add-secret', id],
      data: { client_id: id, before: { secrets: [prefix] } },
    }
  },
  'clients drop-secret': async () => {
    const { id, prefix } = await aMachine(shop, ['a'], shop.admin)
    return {
      type: 'client.secret_dropped',
      args: ['clients', 'drop-secret', id, prefix],
      data: { client_id: id, before: { secrets: [prefix] }, after: { secrets: [] } },
    }
  },
  'clients revoke': async () => {
    const { id, prefix } = await aMachine(shop, ['a'], shop.admin)
    return {
      type: 'client.revoked',
      args: ['clients', 'revoke', id],
      data: {
        client_id: id,
        before: { secrets: [prefix], revoked: false },
        after: { secrets: [], revoked: true },
      },
    }
  },
  'emails retry': async () => {
    const { email } = await aVerifiedAccount(shop)
    await untilNoEmailQueued(shop)
    const [row] = await sql<{ id: string; kind: string }>(
      `UPDATE emails SET status = 'failed' WHERE recipient = $1 AND kind = 'verify_email' RETURNING id, kind`,
      [email],
    )
    const change = { before: { status: 'failed' }, after: { status: 'queued' } }
    return {
      type: 'email.retried',
      args: ['emails', 'retry', row?.id ?? ''],
      data: { email_id: row?.id, kind: 'verify_email', ...change },
    }
  },
}

test('every command → has a case here, or a reason why it stores no event', async t => {
  const { out } = await runCommand(env, ['--help'])
  const named = out.split('\n').flatMap(line => /^ {2}([a-z]+ [a-z-]+)/.exec(line)?.[1] ?? [])
  t.true(named.length > 5, out)
  t.deepEqual([...Object.keys(commands), ...Object.keys(commandsWithoutCase)].sort(), named.sort())
})

for (const [name, prepare] of Object.entries(commands))
  test(`latchkey ${name} → an audit event with the operating system user`, async t => {
    const { type, args, input = '', data } = await prepare()
    const { code, err } = await runCommand(env, args, input)
    t.is(code, 0, err)
    const [event] = await sql<AuditEvent & { ip: string | null; user_agent: string }>(
      'SELECT * FROM audit_events WHERE type = $1 ORDER BY created_at DESC LIMIT 1',
      [type],
    )
    t.like(event, { actor_id: null, ip: null, user_agent: 'latchkey command' })
    if (type.startsWith('client.')) t.like(event?.data, { ...data, operator })
    else t.deepEqual(event?.data, { ...data, operator })
  })

test('import with --dry-run → no audit event', async t => {
  const file = join(tmpdir(), `latchkey-audit-dry-${process.pid}.jsonl`)
  await writeFile(file, `${JSON.stringify({ email: anEmail() })}\n`)
  const count = async () => (await sql('SELECT FROM audit_events')).length
  const before = await count()
  t.is((await runCommand(env, ['users', 'import', file, '--dry-run'])).code, 0)
  t.is(await count(), before)
})

test('links are requested for a known and an unknown address → equal events without a user id', async t => {
  const { email } = await anAccount(client)
  const eventsOfRequests = async (address: string) => {
    const before = (await sql('SELECT FROM audit_events')).length
    await client.post('forgot-password', { email: address })
    await client.post('resend-verification', { email: address })
    const rows = await sql<AuditEvent & { ip: string }>(
      `SELECT type, user_id, actor_id, ip, user_agent, data ? 'email_id' AS has_email,
              (SELECT count(*)::int FROM jsonb_object_keys(data)) AS fields
         FROM audit_events ORDER BY id OFFSET $1`,
      [before],
    )
    return rows
  }
  const [known, unknown] = [await eventsOfRequests(email), await eventsOfRequests(anEmail())]
  t.deepEqual(known, unknown)
  t.deepEqual(
    known.map(({ type, user_id }) => [type, user_id]),
    [
      ['password.reset_requested', null],
      ['email.verification_requested', null],
    ],
  )
})
