import test from 'ava'
import type { Caught } from '../mail-sink.ts'
import { anAccount, tokenOf } from '../make.ts'
import { openPools, statusesOf, times, volley } from '../volley.ts'
import { openWorld, until } from '../world.ts'

// Whoever holds a link or a code may use it once: also with both, also in parallel, also at two instances.

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const aMailed = async () => {
  const account = await anAccount(world.client)
  const { link, code } = await world.mails.to(account.email)
  return { ...account, token: tokenOf(link), code }
}
const mailsTo = (email: string) =>
  world.sql<{ kind: string; status: string }>(
    'SELECT kind, status FROM emails WHERE recipient = $1 ORDER BY id',
    [email],
  )
const allSent = (email: string, count: number) =>
  until(`${count} mails sent to ${email}`, async () => {
    const rows = await mailsTo(email)
    return rows.length === count && rows.every(({ status }) => status === 'sent') && rows
  })

test('the token of the link verifies the address, and welcomes', async t => {
  const { email, access, token } = await aMailed()
  t.false((await world.client.get('me', { token: access })).body.email_verified)
  const reply = await world.client.post('verify-email', { token })
  t.is(reply.status, 200)
  t.deepEqual(reply.body, { email, email_verified: true })
  t.true((await world.client.get('me', { token: access })).body.email_verified)

  const { mail, to } = await world.mails.to(email, 2)
  t.is(mail.subject, 'Welcome to Latchkey')
  t.deepEqual(to, [email])
  t.deepEqual(
    (await allSent(email, 2)).map(({ kind }) => kind),
    ['verify_email', 'welcome'],
  )
})

test('the address and the code verify it likewise, however the address is written', async t => {
  const { email, access, code } = await aMailed()
  const reply = await world.client.post('verify-email', { email: email.toUpperCase(), code })
  t.is(reply.status, 200)
  t.deepEqual(reply.body, { email, email_verified: true })
  t.true((await world.client.get('me', { token: access })).body.email_verified)
  t.is((await world.mails.to(email, 2)).mail.subject, 'Welcome to Latchkey')
})

for (const [first, second] of [
  ['token', 'token'],
  ['token', 'code'],
  ['code', 'token'],
  ['code', 'code'],
] as const)
  test(`after the ${first} of a mail its ${second} is worth nothing`, async t => {
    const { email, token, code } = await aMailed()
    const bodies = { token: { token }, code: { email, code } }
    t.is((await world.client.post('verify-email', bodies[first])).status, 200)
    const again = await other.client.post('verify-email', bodies[second])
    t.is(again.status, 401)
    t.is(again.body.code, 'INVALID_TOKEN')
    t.is((await allSent(email, 2)).length, 2, 'one welcome')
  })

for (const [way, byCode] of [
  ['by token', () => false],
  ['by code', () => true],
  ['by link and code', i => i % 4 > 1],
] as [string, (i: number) => boolean][])
  test.serial(`of forty at once at two instances, ${way}, one verifies, and one mail welcomes`, async t => {
    const { email, userId, token, code } = await aMailed()
    const shots = times(40, i => ({ path: 'verify-email', body: byCode(i) ? { email, code } : { token } }))
    const replies = await volley([world.url, other.url], shots)
    t.deepEqual(statusesOf(replies), { 200: 1, 401: 39 })
    for (const { status, body } of replies)
      if (status === 200) t.deepEqual(body, { email, email_verified: true })
      else t.is(body.code, 'INVALID_TOKEN')
    t.is((await allSent(email, 2)).length, 2)
    t.is(world.mails.caught.filter(({ to }) => to.includes(email)).length, 2)
    const told = await world.sql(
      `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'user.email_verified'`,
      [userId],
    )
    t.is(told.length, 1)
  })

test.serial(
  'asked for another mail at the same moment, the address is verified once, by this mail or that',
  async t => {
    for (let round = 0; round < 4; round++) {
      const { email, access, token } = await aMailed()
      const shots = times(9, i =>
        i % 3 === round % 3
          ? { path: 'resend-verification', body: { email } }
          : { path: 'verify-email', body: { token } },
      )
      const replies = await volley([world.url, other.url], shots)
      const counts = statusesOf(replies)
      t.is(counts[202], 3)
      t.is((counts[200] ?? 0) + (counts[401] ?? 0), 6)
      const verified = counts[200] === 1
      t.true(verified || counts[401] === 6)
      await until('every mail to be settled', async () =>
        (await mailsTo(email)).every(({ status }) => status !== 'queued'),
      )
      t.is((await world.client.get('me', { token: access })).body.email_verified, verified)
      if (!verified) {
        // The newest, which need not have come last: ids are made in their order.
        const idOf = ({ mail }: Caught) => mail.messageId ?? ''
        const mailed = world.mails.caught.filter(({ to }) => to.includes(email))
        const newest = mailed.sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1)).at(-1)
        t.is((await other.client.post('verify-email', { token: tokenOf(newest?.link ?? '') })).status, 200)
      }
      const welcomes = (await mailsTo(email)).filter(({ kind }) => kind === 'welcome')
      t.is(welcomes.length, 1)
    }
  },
)

test('what Postgres calls spent is spent, whatever Redis says', async t => {
  const { email, token } = await aMailed()
  await world.sql(`UPDATE emails SET proof_spent_at = now() WHERE recipient = $1`, [email])
  const reply = await world.client.post('verify-email', { token })
  t.is(reply.status, 401)
  t.is((await mailsTo(email)).length, 1)
})

test('a link proves the address that it was sent to and no later one', async t => {
  const { email, userId, token } = await aMailed()
  await world.sql('UPDATE users SET email = $2 WHERE id = $1', [userId, `new-${email}`])
  t.is((await world.client.post('verify-email', { token })).status, 401)
  const [user] = await world.sql<{ email_verified: boolean }>('SELECT * FROM users WHERE id = $1', [userId])
  t.false(user?.email_verified)
})

for (const token of ['x', 'lkp_', `lkp_${'A'.repeat(64)}`, `lkp_${'A'.repeat(63)}!`, `lkr_${'A'.repeat(64)}`])
  test(`what was never mailed is refused: ${token}`, async t => {
    const { status, body } = await world.client.post('verify-email', { token })
    t.true((status === 401 && body.code === 'INVALID_TOKEN') || (status === 400 && token.endsWith('!')))
  })

test('the token of one account does not open another with the id changed', async t => {
  const mine = await aMailed()
  const yours = await aMailed()
  const bytes = (token: string) => Buffer.from(token.slice(4), 'base64url')
  const forged = Buffer.concat([bytes(yours.token).subarray(0, 16), bytes(mine.token).subarray(16)])
  const reply = await world.client.post('verify-email', { token: `lkp_${forged.toString('base64url')}` })
  t.is(reply.status, 401)
  t.is((await world.client.post('verify-email', { email: yours.email, code: mine.code })).status, 401)
})
