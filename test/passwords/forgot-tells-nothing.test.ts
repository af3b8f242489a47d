import test from 'ava'
import type { Reply } from '../client.ts'
import { anAccount, anEmail, tokenOf } from '../make.ts'
import { openWorld, until } from '../world.ts'

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const forgot = (email: unknown) => world.client.post('forgot-password', { email })
const settled = () =>
  until('every mail to be settled', async () => {
    const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
    return queued.length === 0
  })
const resetsTo = async (email: string) => {
  const rows = await world.sql<{ status: string }>(
    `SELECT status FROM emails WHERE recipient = $1 AND kind = 'reset_password'`,
    [email],
  )
  const mailed = world.mails.caught.filter(
    ({ to, mail }) => to.includes(email) && mail.subject === 'Choose a new password',
  )
  return { rows: rows.map(({ status }) => status), mailed: mailed.length }
}

/** All of a reply but what no two replies share. */
const shown = ({ status, headers, text }: Reply) => ({
  status,
  text,
  headers: [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id'),
})

test.serial(
  'who has an account, who has none and whose is closed are answered alike; only an open one gets a mail',
  async t => {
    const known = await anAccount(world.client)
    const verified = await anAccount(world.client)
    const { link } = await world.mails.to(verified.email)
    await world.client.post('verify-email', { token: tokenOf(link) })
    const passwordless = await anAccount(world.client)
    await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [passwordless.userId])
    const inactive = await anAccount(world.client)
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [inactive.userId])
    const leaving = await anAccount(world.client)
    const { password, access: token } = leaving
    t.is((await world.client.send('DELETE', 'me', { body: { password }, token })).status, 204)
    const nobody = anEmail()
    await settled()

    const open = [known.email, verified.email, passwordless.email]
    const closed = [inactive.email, leaving.email, nobody]
    const answers = []
    for (const email of [...open, ...closed]) answers.push(shown(await forgot(email)))
    t.is(answers[0]?.status, 202)
    t.is(answers[0]?.text, '')
    for (const answer of answers) t.deepEqual(answer, answers[0])

    await settled()
    for (const email of open) t.deepEqual(await resetsTo(email), { rows: ['sent'], mailed: 1 })
    for (const email of closed) t.deepEqual(await resetsTo(email), { rows: ['dropped'], mailed: 0 })
  },
)

test.serial('the mail goes to the stored address, however it was written', async t => {
  const { email } = await anAccount(world.client)
  await world.mails.to(email)
  t.is((await forgot(` ${email.toUpperCase()} `)).status, 202)
  const { to, mail } = await world.mails.to(email, 2)
  t.deepEqual(to, [email])
  t.deepEqual(
    mail.to?.map(({ address }) => address),
    [email],
  )
  t.is(mail.cc, undefined)
  t.is(mail.bcc, undefined)
})

test.serial(
  'asking does nothing to the account: password, sessions and the verification link stand',
  async t => {
    const { email, password, access, refresh } = await anAccount(world.client)
    const { link } = await world.mails.to(email)
    await forgot(email)
    await world.mails.to(email, 2)
    t.is((await world.client.get('me', { token: access })).status, 200)
    t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 200)
    t.is((await world.client.post('login', { email, password })).status, 200)
    t.is((await world.client.post('verify-email', { token: tokenOf(link) })).status, 200)
  },
)

test.serial('a mail server that refuses changes nothing of the answer', async t => {
  const { email } = await anAccount(world.client)
  await world.mails.to(email)
  const before = shown(await forgot(email))
  await world.mails.to(email, 2)
  t.teardown(() => world.mails.answer(null))
  world.mails.answer(Object.assign(new Error('no such mailbox'), { responseCode: 550 }))
  t.deepEqual(shown(await forgot(email)), before)
  t.deepEqual(shown(await forgot(anEmail())), before)
  await settled()
  t.deepEqual((await resetsTo(email)).rows.sort(), ['failed', 'sent'])
})

const target = 'victim@example.com'
const several: unknown[] = [
  [target, 'evil@example.com'],
  [target],
  { 0: target },
  `${target},evil@example.com`,
  `${target};evil@example.com`,
  `${target} evil@example.com`,
  `"${target} x"@evil.example`,
  `"evil@evil.example"@example.com`,
  `Victim <${target}>`,
  `evil@evil.example(${target})`,
  `${target}\r\nBcc: evil@example.com`,
  `${target}\n`,
  `${target}\u0000`,
  `${target}%0aBcc:evil@example.com`,
  'a@b@example.com',
  'victim＠example.com',
  'vıctim@example.com',
  'victim@localhost',
  null,
  '',
]

test.serial('what is not one address is refused, owes nothing and mails nobody', async t => {
  await anAccount(world.client, { email: target })
  await world.mails.to(target)
  const [before] = await world.sql('SELECT count(*) FROM emails')
  const mails = world.mails.caught.length
  for (const email of several) {
    const reply = await forgot(email)
    t.is(reply.status, 400, JSON.stringify(email))
    t.is(reply.body.code, 'VALIDATION_ERROR')
  }
  for (const body of [{ email: target, to: 'evil@example.com' }, [{ email: target }], { emails: [target] }])
    t.is((await world.client.post('forgot-password', body)).status, 400)
  t.deepEqual(await world.sql('SELECT count(*) FROM emails'), [before])
  t.is(world.mails.caught.length, mails)
})

test.serial('of two names for one field neither slips a second address in', async t => {
  const { email } = await anAccount(world.client)
  await world.mails.to(email)
  const reply = await world.client.post('forgot-password', `{"email":"evil@example.net","email":"${email}"}`)
  await settled()
  const { rows, mailed } = await resetsTo(email)
  t.is(rows.length, mailed)
  t.is(mailed, reply.status === 202 ? 1 : 0)
  t.is(world.mails.caught.filter(({ to }) => to.includes('evil@example.net')).length, 0)
})
