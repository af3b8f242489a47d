import anyTest from 'ava'
import { anAccount, anEmail, password } from '../../make.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { settled } from '../addresses/moving.ts'

// Limits of requests that cause emails.

const test = anyTest.serial

const world = await openWorld({
  worker: true,
  env: { RATE_LIMITS: 'register=1000/1h', TRUSTED_PROXIES: '1' },
})
const other = await world.instance()
const defaultLimitsWorld = await openWorld({ worker: true, env: { RATE_LIMITS: '', TRUSTED_PROXIES: '1' } })
const defaultLimitsOther = await defaultLimitsWorld.instance()
const roomyWorld = await openWorld({
  worker: true,
  env: { RATE_LIMITS: 'mail_ip=1000/1h,login=1000/15m' },
})
const resendWorld = await openWorld({
  worker: true,
  env: { RATE_LIMITS: 'register=1000/1h,mail_ip=1000/1h' },
})
const resendOther = await resendWorld.instance()
anyTest.after.always(async () => {
  for (const each of [world, defaultLimitsWorld, roomyWorld, resendWorld]) await each[Symbol.asyncDispose]()
})

{
  // The limits that ship: a change of address must not be a way to fill strange mailboxes, or to try passwords.

  let asked = 0
  const somewhere = () => `198.51.100.${++asked}`
  const ask = async (
    newEmail: string,
    { ip = somewhere(), at = world.client, password = '' } = {},
    account = anAccount(world.client, {}),
  ) => {
    const mover = await account
    return at.post(
      'change-email',
      { current_password: password || mover.password, new_email: newEmail },
      { token: mover.access, headers: { 'x-forwarded-for': ip } },
    )
  }

  test('one mailbox is written to three times an hour, whoever asks from wherever', async t => {
    const newEmail = anEmail()
    const movers = await Promise.all(Array.from({ length: 4 }, () => anAccount(world.client)))
    const replies = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        ask(
          i % 3 ? newEmail : newEmail.toUpperCase(),
          { at: (i % 2 ? world : other).client },
          Promise.resolve(movers[i % 4] ?? anAccount(world.client)),
        ),
      ),
    )
    const statuses = replies.map(({ status }) => status).sort()
    t.deepEqual(statuses, [...Array(3).fill(202), ...Array(9).fill(429)])
    const refused = replies.find(({ status }) => status === 429)
    t.is(refused?.body.code, 'RATE_LIMIT_EXCEEDED')
    t.true(Number(refused?.headers.get('retry-after')) > 3500)
    t.is((await ask(anEmail())).status, 202, 'another mailbox is not concerned')
    await settled(world)
    t.true((await world.mails.sentTo(newEmail)).length <= 3)
  })

  test('one address of the network has ten mails an hour, to however many mailboxes', async t => {
    const ip = '203.0.113.9'
    const account = anAccount(world.client)
    const statuses = []
    for (let i = 0; i < 11; i++) statuses.push((await ask(anEmail(), { ip }, account)).status)
    t.deepEqual(statuses, [...Array(10).fill(202), 429])
    t.is((await ask(anEmail(), {}, account)).status, 202, 'a neighbour may')
  })

  test('a place tries ten passwords here, by whatever sessions, then must wait', async t => {
    const ip = '203.0.113.10'
    const accounts = [1, 2, 3].map(() => anAccount(world.client))
    const password = 'wrong horse 9'
    const statuses = []
    for (let i = 0; i < 11; i++)
      statuses.push((await ask(anEmail(), { ip, password }, accounts[i % 3])).status)
    t.deepEqual(statuses, [...Array(10).fill(403), 429])
  })
}

{
  const world = defaultLimitsWorld
  const other = defaultLimitsOther
  // The limits that ship: three mails an hour to one mailbox, ten asked for by one address of the network.

  let asked = 0
  const somewhere = () => `198.51.${100 + Math.floor(++asked / 250)}.${asked % 250}`
  const forgot = (email: string, { ip = somewhere(), at = world.client } = {}) =>
    at.post('forgot-password', { email }, { headers: { 'x-forwarded-for': ip } })

  test('twenty requests from everywhere at two instances make three mails at most, whoever has the address', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    const unknown = anEmail()
    for (const address of [email, unknown]) {
      const replies = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          forgot(i % 3 ? address : address.toUpperCase(), { at: (i % 2 ? world : other).client }),
        ),
      )
      const statuses = replies.map(({ status }) => status).sort()
      t.deepEqual(statuses, [...Array(3).fill(202), ...Array(17).fill(429)])
      const refused = replies.find(({ status }) => status === 429)
      t.is(refused?.body.code, 'RATE_LIMIT_EXCEEDED')
      const wait = Number(refused?.headers.get('retry-after'))
      t.true(wait > 3500 && wait <= 3600)
    }
    await until('every mail to be settled', async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
      return queued.length === 0
    })
    const rows = await world.sql(`SELECT 1 FROM emails WHERE kind = 'reset_password' AND recipient = $1`, [
      email,
    ])
    t.is(rows.length, 3)
    const mails = (await world.mails.sentTo(email)).length
    t.true(mails >= 2 && mails <= 4, `${mails}: one of the registration, and what the newest left of three`)
    t.is((await world.mails.sentTo(unknown)).length, 0)
  })

  test('one address of the network asks for ten mails, to whomever', async t => {
    const ip = '203.0.113.9'
    const statuses = []
    for (let i = 0; i < 11; i++) statuses.push((await forgot(anEmail(), { ip })).status)
    t.deepEqual(statuses, [...Array(10).fill(202), 429])
    t.is((await forgot(anEmail())).status, 202, 'a neighbour may')
  })

  test('a mailbox that a stranger has filled up does not close the account', async t => {
    const { email, password, access } = await anAccount(world.client)
    for (let i = 0; i < 4; i++) await forgot(email)
    t.is((await forgot(email)).status, 429)
    t.is((await world.client.post('login', { email, password })).status, 200)
    t.is((await world.client.get('me', { token: access })).status, 200)
  })
}

{
  const world = roomyWorld
  // What strangers ask for on other routes must not use up the mails by which an owner comes back.

  const { client } = world

  test('mails that nobody gets, and moves that are refused, leave a forgotten password its own', async t => {
    const owner = await anAccount(client)
    await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [owner.userId])
    const stranger = await anAccount(client)
    for (let i = 0; i < 4; i++) {
      await client.post('resend-verification', { email: owner.email })
      const move = { current_password: 'wrong horse 9', new_email: owner.email }
      await client.post('change-email', move, { token: stranger.access })
    }
    t.is((await client.post('resend-verification', { email: owner.email })).status, 429)
    t.is((await client.post('forgot-password', { email: owner.email })).status, 202)
    const { link } = await world.mails.to(owner.email, 1, '/reset-password?')
    t.regex(link, /token=lkp_/)
    for (let i = 0; i < 2; i++) await client.post('forgot-password', { email: owner.email })
    t.is((await client.post('forgot-password', { email: owner.email })).status, 429)
    t.is((await client.post('login', { email: anEmail(), password })).status, 401)
  })
}

{
  const world = resendWorld
  const other = resendOther
  const flood = async (email: string) => {
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        (i % 2 ? world : other).client.post('resend-verification', {
          email: i % 3 ? email : email.toUpperCase(),
        }),
      ),
    )
    return replies
  }

  test('twenty requests at two instances make three mails at most, whoever has the address', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    const unknown = anEmail()
    for (const address of [email, unknown]) {
      const replies = await flood(address)
      t.deepEqual(replies.map(({ status }) => status).sort(), [...Array(3).fill(202), ...Array(17).fill(429)])
      const refused = replies.find(({ status }) => status === 429)
      t.is(refused?.body.code, 'RATE_LIMIT_EXCEEDED')
      const wait = Number(refused?.headers.get('retry-after'))
      t.true(wait > 3500 && wait <= 3600)
    }
    await until('every mail to be settled', async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
      return queued.length === 0
    })
    const { length } = await world.mails.sentTo(email)
    t.true(
      length >= 2 && length <= 4,
      `${length}: one of the registration, and what the newest left of three`,
    )
    t.is((await world.mails.sentTo(unknown)).length, 0)
  })

  test('one recipient’s limit is not another’s, and junk in the body does not evade it', async t => {
    const [email, neighbour] = [anEmail(), anEmail()]
    for (let i = 0; i < 3; i++) await world.client.post('resend-verification', { email })
    t.is((await world.client.post('resend-verification', { email: ` ${email} ` })).status, 429)
    t.is((await world.client.post('resend-verification', { email: neighbour })).status, 202)
  })
}
