import anyTest from 'ava'
import { v7 as uuid } from 'uuid'
import { deliver } from '../../../src/features/mail-delivery/deliver.ts'
import { compileAll } from '../../../src/platform/mail/render.ts'
import { openTransport } from '../../../src/platform/mail/transport.ts'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openScriptedSmtp, type SmtpMoment } from '../../scripted-smtp.ts'
import { plainTheme } from '../../theme.ts'

// The reply of a mail server decides whether an email is retried.

const test = anyTest.serial

await compileAll(plainTheme, ['en'])
const world = await openLocalWorld()
const smtp = await openScriptedSmtp()
const { userId, email } = await anAccount(world.client)
anyTest.after.always(async () => {
  await world[Symbol.asyncDispose]()
  await smtp[Symbol.asyncDispose]()
})

type Row = { status: string; last_error: string | null; attempts: number }

/** Tries to send an email to a server that gives this reply to that command. */
const refusedWith = async (at: SmtpMoment, reply: string) => {
  const id = uuid()
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
     VALUES ($1, 'welcome', $2, $3, 'en', now() + interval '1 hour')`,
    [id, email, userId],
  )
  smtp.answer(moment => (moment === at ? reply : undefined))
  using transport = openTransport(smtp.url)
  await deliver({ ...world.deps, transport }, id).catch(() => {})
  const [row] = await world.sql<Row>('SELECT * FROM emails WHERE id = $1', [id])
  return { id, row }
}

const temporary: [at: SmtpMoment, reply: string, code: string][] = [
  ['greeting', '554 5.7.1 blocked', 'SMTP 554 5.7.1'],
  ['EHLO', '550 5.7.0 bad name', 'SMTP 550 5.7.0'],
  ['MAIL FROM', '550 sender rejected', 'SMTP 550'],
  ['MAIL FROM', '550 5.1.7 no such sender', 'SMTP 550 5.1.7'],
  ['MAIL FROM', '550 5.1.1 no such mailbox', 'SMTP 550 5.1.1'],
  ['MAIL FROM', '553 5.7.1 sender is not yours', 'SMTP 553 5.7.1'],
  ['MAIL FROM', '552 5.2.2 over quota', 'SMTP 552 5.2.2'],
  ['MAIL FROM', '530 5.7.0 STARTTLS first', 'SMTP 530 5.7.0'],
  ['MAIL FROM', '555 no such parameter', 'SMTP 555'],
  ['RCPT TO', '450 4.2.0 greylisted', 'SMTP 450 4.2.0'],
  ['RCPT TO', '421 4.7.0 too many', 'SMTP 421 4.7.0'],
  ['RCPT TO', '550-5.4.5 daily quota\r\n550 5.4.5 exceeded', 'SMTP 550 5.4.5'],
  ['RCPT TO', '550 4.2.1 wait', 'SMTP 550 4.2.1'],
  ['RCPT TO', '550 5.1.8 bad domain of the sender', 'SMTP 550 5.1.8'],
  ['RCPT TO', '554 5.7.1 relay access denied', 'SMTP 554 5.7.1'],
  ['RCPT TO', '550 relay not permitted', 'SMTP 550'],
  ['RCPT TO', '550 5.0.0 Authentication required', 'SMTP 550 5.0.0'],
  ['RCPT TO', '550 5.3.2 not accepting', 'SMTP 550 5.3.2'],
  ['RCPT TO', '530 sign in first', 'SMTP 530'],
  ['RCPT TO', '554 transaction failed', 'SMTP 554'],
  ['RCPT TO', '503 5.5.1 bad sequence', 'SMTP 503 5.5.1'],
  ['DATA', '554 no', 'SMTP 554'],
  ['DATA', '554 5.3.0 system error', 'SMTP 554 5.3.0'],
  ['DATA', '550 no', 'SMTP 550'],
  ['.', '451 later', 'SMTP 451'],
  ['.', '421 closing', 'SMTP 421'],
  ['.', '554 transaction failed', 'SMTP 554'],
  ['.', '554 5.7.1 blocked by policy', 'SMTP 554 5.7.1'],
  ['.', '550 5.7.26 sender is not authenticated', 'SMTP 550 5.7.26'],
  ['.', '554 5.3.1 disk full', 'SMTP 554 5.3.1'],
]
for (const [at, reply, code] of temporary)
  test(`${at} answered "${reply.split('\r\n')[0]}" → the email is retried later`, async t => {
    const { row } = await refusedWith(at, reply)
    t.like(row, { status: 'queued', last_error: code, attempts: 1 })
  })

const permanent: [at: SmtpMoment, reply: string, code: string][] = [
  ['RCPT TO', '550 no such user', 'SMTP 550'],
  ['RCPT TO', '551 not here', 'SMTP 551'],
  ['RCPT TO', '552 mailbox full', 'SMTP 552'],
  ['RCPT TO', '553 bad name', 'SMTP 553'],
  ['RCPT TO', '556 no mail for this domain', 'SMTP 556'],
  ['RCPT TO', '550 5.0.0 no such user', 'SMTP 550 5.0.0'],
  ['RCPT TO', '550-5.1.1 no such\r\n550-5.1.1 user\r\n550 5.1.1 here', 'SMTP 550 5.1.1'],
  ['RCPT TO', '554 5.1.2 bad domain', 'SMTP 554 5.1.2'],
  ['RCPT TO', '501 5.1.3 bad address', 'SMTP 501 5.1.3'],
  ['RCPT TO', '550 5.1.10 null MX', 'SMTP 550 5.1.10'],
  ['RCPT TO', '550 5.2.1 disabled', 'SMTP 550 5.2.1'],
  ['RCPT TO', '552 5.2.2 full', 'SMTP 552 5.2.2'],
  ['.', '552 too large', 'SMTP 552'],
  ['.', '552 5.3.4 too large', 'SMTP 552 5.3.4'],
  ['.', '554 5.6.0 bad content', 'SMTP 554 5.6.0'],
  ['.', '550 5.1.1 no such user', 'SMTP 550 5.1.1'],
  ['.', '550 refused', 'SMTP 550'],
]
for (const [at, reply, code] of permanent)
  test(`${at} answered "${reply.split('\r\n')[0]}" → the email fails at once`, async t => {
    const { id, row } = await refusedWith(at, reply)
    t.like(row, { status: 'failed', last_error: code, attempts: 1 })
    smtp.answer(() => undefined)
    using transport = openTransport(smtp.url)
    t.is(await deliver({ ...world.deps, transport }, id), 'settled')
  })

test('sender refused at first and accepted later → the email is sent with the same Message-ID', async t => {
  const { id } = await refusedWith('MAIL FROM', '550 5.7.1 sender rejected')
  smtp.answer(() => undefined)
  using transport = openTransport(smtp.url)
  t.is(await deliver({ ...world.deps, transport }, id), 'sent')
  t.is(smtp.contents.at(-1), `<${id}@localhost>`)
})

test('refusal of the mail server → logged with the refused command, without the text of the server', async t => {
  const { id } = await refusedWith('MAIL FROM', `550 5.7.1 <${email}> is not wanted here`)
  const lines = world.logs.filter(line => line.includes(id))
  t.true(lines.some(line => line.includes('"refused":"MAIL FROM"') && line.includes('"SMTP 550 5.7.1"')))
  t.deepEqual(
    lines.filter(line => line.includes(email) || line.includes('not wanted')),
    [],
  )
})
