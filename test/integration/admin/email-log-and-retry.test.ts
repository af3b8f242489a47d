import test from 'ava'
import { v7 as uuid } from 'uuid'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { adminActions, anAdmin } from './admin-account.ts'

const world = await openWorld({ worker: true })
const other = await world.instance()
const ada = await anAdmin(world)
test.after.always(() => world[Symbol.asyncDispose]())
const { emails, retry } = adminActions(world.client, ada.access)

type Row = { id: string; kind: string; recipient: string; status: string; attempts: number }
const listed = async (query: string): Promise<Row[]> => (await emails(query)).body.data
const rowsTo = (email: string) => listed(`recipient=${encodeURIComponent(email)}`)
/** Waits until the newest email to an address has this status. */
const waitForStatus = (email: string, status: string) =>
  until(`the newest email to ${email} is ${status}`, async () => {
    const [row] = await rowsTo(email)
    return row?.status === status && row
  })
const receivedBy = (email: string) => world.mails.sentTo(email)

const refuse = () => world.mails.answer({ message: 'no', responseCode: 550 })
const accept = () => world.mails.answer(null)
test.afterEach.always(accept)

/** An account whose first email was permanently refused. */
const anAccountWithFailedEmail = async () => {
  await refuse()
  const account = await anAccount(world.client)
  const failed = await waitForStatus(account.email, 'failed')
  await accept()
  return { ...account, failed }
}

test.serial('a failed email is retried → it is sent, and its link works', async t => {
  const { email, failed } = await anAccountWithFailedEmail()
  t.like(failed, { kind: 'verify_email', attempts: 1, last_error: 'SMTP 550', sent_at: null })
  const reply = await retry(failed.id)
  t.is(reply.status, 202)
  t.is(reply.text, '')
  const { link, mail } = await world.mails.to(email)
  t.is(mail.messageId, `<${failed.id}@localhost>`)
  t.like(await waitForStatus(email, 'sent'), { id: failed.id, attempts: 1, last_error: null })
  t.is((await world.client.post('verify-email', { token: tokenOf(link) })).status, 200)
})

test.serial('a retried email fails again → status failed, and a second retry sends it', async t => {
  const { email, failed } = await anAccountWithFailedEmail()
  await refuse()
  t.is((await retry(failed.id)).status, 202)
  t.like(await waitForStatus(email, 'failed'), { id: failed.id, attempts: 1 })
  await accept()
  t.is((await retry(failed.id)).status, 202)
  await waitForStatus(email, 'sent')
  t.is((await receivedBy(email)).length, 1)
})

test.serial('10 simultaneous retries of an email → it is sent once', async t => {
  const { email, failed } = await anAccountWithFailedEmail()
  const acts = [world.client, other.client].map(client => adminActions(client, ada.access))
  const replies = await Promise.all(Array.from({ length: 10 }, (_, i) => acts[i % 2]?.retry(failed.id)))
  const statuses = replies.map(reply => reply?.status)
  t.is(statuses.filter(status => status === 202).length, 1)
  t.is(statuses.filter(status => status === 404).length, 9)
  await waitForStatus(email, 'sent')
  t.is((await receivedBy(email)).length, 1)
})

test.serial('retry of an email that did not fail → 404, so that retries cannot flood a mailbox', async t => {
  const { email } = await anAccount(world.client)
  const sent = await waitForStatus(email, 'sent')
  const unknownEmail = anEmail()
  await world.client.post('forgot-password', { email: unknownEmail })
  const dropped = await waitForStatus(unknownEmail, 'dropped')
  const queued = uuid()
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, locale, sweep_after) VALUES ($1, 'welcome', $2, 'en', now() + interval '1 day')`,
    [queued, email],
  )
  const before = await world.sql('SELECT * FROM emails ORDER BY id')
  for (const id of [sent.id, dropped.id, queued, uuid(), 'x']) {
    const reply = await retry(id)
    t.is(reply.status, 404)
    t.is(reply.body.code, 'NOT_FOUND')
  }
  t.deepEqual(await world.sql('SELECT * FROM emails ORDER BY id'), before)
  t.is((await receivedBy(email)).length, 1)
})

test.serial('retry of an email whose link is no longer valid → it is dropped', async t => {
  const expectDropped = async (email: string, id: string, what: string) => {
    const caught = (await receivedBy(email)).length
    t.is((await retry(id)).status, 202, what)
    const status = await until('the email is not queued', async () => {
      const row = (await rowsTo(email)).find(each => each.id === id)
      return row && row.status !== 'queued' && row.status
    })
    t.is(status, 'dropped', what)
    t.is((await receivedBy(email)).length, caught, what)
  }
  const backdate = (id: string, by: string) =>
    world.sql(`UPDATE emails SET created_at = created_at - $2::interval WHERE id = $1`, [id, by])

  const late = await anAccountWithFailedEmail()
  await backdate(late.failed.id, '25 hours')
  await expectDropped(late.email, late.failed.id, 'too old')

  const replaced = await anAccountWithFailedEmail()
  await world.client.post('resend-verification', { email: replaced.email })
  const { link } = await world.mails.to(replaced.email)
  await expectDropped(replaced.email, replaced.failed.id, 'a newer one was sent')
  t.is((await world.client.post('verify-email', { token: tokenOf(link) })).status, 200)

  const deactivated = await anAccountWithFailedEmail()
  await adminActions(world.client, ada.access).change(deactivated.userId, { is_active: false })
  await expectDropped(deactivated.email, deactivated.failed.id, 'deactivated')

  for (const [by, what] of [
    ['8 days', 'older than seven days'],
    [null, 'its link was used'],
  ] as const) {
    const account = await anAccount(world.client)
    const verifying = await world.mails.to(account.email)
    await world.client.post('verify-email', { token: tokenOf(verifying.link) })
    await world.mails.to(account.email, 2)
    const newEmail = anEmail()
    const body = { current_password: password, new_email: newEmail }
    await world.client.post('change-email', body, { token: account.access })
    const confirming = await world.mails.to(newEmail)
    await refuse()
    await world.client.post('confirm-email', { token: tokenOf(confirming.link) })
    const failed = await waitForStatus(account.email, 'failed')
    await accept()
    t.is(failed.kind, 'email_changed')
    if (by) await backdate(failed.id, by)
    else await world.sql('UPDATE emails SET proof_spent_at = now() WHERE id = $1', [failed.id])
    await expectDropped(account.email, failed.id, what)
  }
})

test.serial('email log → newest first, filtered by status and recipient, in pages', async t => {
  const { email, failed } = await anAccountWithFailedEmail()
  for (let i = 0; i < 3; i++) {
    await world.client.post('resend-verification', { email })
    await world.mails.to(email, i + 1)
  }
  await waitForStatus(email, 'sent')
  const rows = await rowsTo(email)
  t.is(rows.length, 4)
  t.deepEqual(
    rows.map(({ id }) => id),
    rows
      .map(({ id }) => id)
      .sort()
      .reverse(),
  )
  const query = `recipient=${email.toUpperCase()}`
  t.deepEqual(await listed(query), rows, 'upper and lower case are equal')
  t.deepEqual(
    (await listed(`${query}&status=failed`)).map(({ id }) => id),
    [failed.id],
  )
  t.is((await listed(`${query}&status=sent`)).length, 3)
  t.deepEqual(await listed(`${query}&status=queued`), [])
  t.true((await listed('status=failed')).every(({ status }) => status === 'failed'))

  const first = (await emails(`${query}&limit=3`)).body
  await world.client.post('resend-verification', { email })
  const second = (await emails(`${query}&limit=3&cursor=${first.next_cursor}`)).body
  t.deepEqual([...first.data, ...second.data], rows)
  t.is(second.next_cursor, null)
  await world.mails.to(email, 4)
})

test.serial('email log → no token, code, link or content of an email', async t => {
  const { email, access } = await anAccount(world.client)
  await world.mails.to(email)
  await world.client.post('forgot-password', { email })
  await world.mails.to(email, 2)
  await world.client.post(
    'change-password',
    { current_password: password, new_password: 'another horse 10' },
    { token: access },
  )
  await world.mails.to(email, 3)
  await waitForStatus(email, 'sent')
  const { text, body } = await emails('limit=100')
  for (const row of body.data)
    t.deepEqual(Object.keys(row).sort(), [
      'attempts',
      'created_at',
      'id',
      'kind',
      'last_error',
      'locale',
      'recipient',
      'sent_at',
      'status',
      'user_id',
    ])
  const secrets = (await world.mails.all()).flatMap(({ link, code }) => [tokenOf(link || 'http://x'), code])
  t.true(secrets.filter(Boolean).length > 4)
  for (const secret of secrets.filter(Boolean)) t.false(new RegExp(`"[^"]*\\b${secret}\\b[^-]`).test(text))
  t.notRegex(text, /lk[pr]_|https?:|horse/)
})

test.serial('email log with an invalid query → 400 that does not repeat the value', async t => {
  const invalidQueries = [
    ...[
      'status=canary7',
      'status=',
      'status=SENT',
      'recipient=canary7',
      'recipient=',
      'recipient=a@b.example,c@d.example',
    ],
    ...['cursor=canary7', 'limit=0', 'limit=101', 'canary7=1', 'kind=welcome', 'user_id=x'],
    ...[
      'status=sent&status=failed',
      `recipient=${ada.email}&recipient=${ada.email}`,
      'recipient=a%00@example.com',
    ],
  ]
  for (const query of invalidQueries) {
    const { status, text } = await emails(query)
    t.is(status, 400, query)
    if (!query.startsWith('canary7')) t.false(text.includes('canary7'), query)
  }
})
