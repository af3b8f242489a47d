import test from 'ava'
import type { Reply } from '../client.ts'
import { anAccount, anEmail, tokenOf } from '../make.ts'
import { openWorld, until } from '../world.ts'

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const resend = (email: unknown) => world.client.post('resend-verification', { email })
const rowsTo = (email: string) =>
  world.sql<{ status: string; attempts: number }>(
    'SELECT status, attempts FROM emails WHERE recipient = $1 ORDER BY id',
    [email],
  )
const statuses = (email: string, count: number) =>
  until(`${count} settled rows to ${email}`, async () => {
    const rows = await rowsTo(email)
    return rows.length === count && rows.every(({ status }) => status !== 'queued') && rows.map(r => r.status)
  })
const mailsTo = (email: string) => world.mails.caught.filter(({ to }) => to.includes(email)).length

const seen = ({ status, headers, text }: Reply) => ({
  status,
  text,
  headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
})

test('the answer is the same whether the address is unverified, verified or nobody’s; only the first gets a mail', async t => {
  const unverified = await anAccount(world.client)
  const verified = await anAccount(world.client)
  await world.mails.to(unverified.email)
  const { link } = await world.mails.to(verified.email)
  await world.client.post('verify-email', { token: tokenOf(link) })
  const unknown = anEmail()

  const answers = []
  for (const email of [unverified.email, verified.email, unknown, unverified.email.toUpperCase()]) {
    answers.push(seen(await resend(email)))
    // One after the other: of two that wait at once the older may be dropped.
    await until('the mails to be settled', async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
      return queued.length === 0
    })
  }
  t.is(answers[0]?.status, 202)
  t.is(answers[0]?.text, '')
  for (const answer of answers) t.deepEqual(answer, answers[0])

  t.deepEqual(await statuses(unverified.email, 3), ['sent', 'sent', 'sent'])
  t.deepEqual(await statuses(verified.email, 3), ['sent', 'sent', 'dropped'])
  t.deepEqual(await statuses(unknown, 1), ['dropped'])
  t.is(mailsTo(unverified.email), 3)
  t.is(mailsTo(verified.email), 2)
  t.is(mailsTo(unknown), 0)
})

test('the new mail is in the language of the one who asks for it, unless the account prefers one', async t => {
  const ask = (email: string) =>
    world.client.post('resend-verification', { email }, { headers: { 'accept-language': 'es' } })
  const indifferent = await anAccount(world.client)
  const particular = await anAccount(world.client, { preferred_language: 'ar' })
  for (const { email } of [indifferent, particular]) {
    await world.mails.to(email)
    await ask(email)
  }
  t.regex((await world.mails.to(indifferent.email, 2)).mail.html ?? '', /<html lang="es"/)
  t.regex((await world.mails.to(particular.email, 2)).mail.html ?? '', /<html lang="ar"/)
})

const target = 'victim@example.com'
const several: unknown[] = [
  [target, 'evil@example.com'],
  { 0: target },
  `${target},evil@example.com`,
  `${target};evil@example.com`,
  `${target} evil@example.com`,
  `"${target} x"@evil.example`,
  `"evil@evil.example"@example.com`,
  `Victim <${target}>`,
  `<${target}>`,
  `evil@evil.example(${target})`,
  `${target}\r\nBcc: evil@example.com`,
  `${target}\n`,
  `${target}\u0000`,
  `${target}%0aBcc:evil@example.com`,
  `a@b@example.com`,
  `group:${target};`,
  `victim＠example.com`,
  `vıctim@example.com`,
  `${'a'.repeat(65)}@example.com`,
  `victim@[127.0.0.1]`,
  `victim@localhost`,
  null,
  42,
  '',
]
for (const email of several)
  test(`what is not one address is refused and owes nothing: ${JSON.stringify(email)?.slice(0, 60)}`, async t => {
    for (const route of ['resend-verification', 'register']) {
      const body = route === 'register' ? { email, password: 'correct horse 9' } : { email }
      const reply = await world.client.post(route, body)
      t.is(reply.status, 400)
      t.is(reply.body.code, 'VALIDATION_ERROR')
    }
    const rows = await world.sql(
      `SELECT 1 FROM emails WHERE recipient ~ 'victim|evil|aaaaaa' OR recipient = ''`,
    )
    t.is(rows.length, 0)
    t.is(world.mails.caught.filter(({ to }) => /victim|evil/.test(to.join())).length, 0)
  })

test('fields that are not asked for are refused, so no second address slips in', async t => {
  const reply = await world.client.post('resend-verification', { email: anEmail(), to: 'evil@example.com' })
  t.is(reply.status, 400)
  t.is((await world.client.post('resend-verification', [{ email: anEmail() }])).status, 400)
})
