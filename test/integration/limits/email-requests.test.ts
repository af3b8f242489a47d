import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { settled } from '../addresses/moving.ts'

// Limits of requests that cause emails. A mailbox over its limit is no reason to refuse its owner.

/** What a reply tells, but for what differs between any two: the request, and the points of the caller. */
const told = ({ status, headers, text }: Reply) => {
  const own = /^(date|x-request-id|ratelimit)$/
  return { status, text, headers: [...headers].filter(([name]) => !own.test(name)) }
}

const test = anyTest.serial

const world = await openWorld({
  worker: true,
  env: { RATE_LIMITS: 'register=1000/1h', TRUSTED_PROXIES: '1' },
})
const other = await world.instance()
const defaultLimitsWorld = await openWorld({
  worker: true,
  env: { RATE_LIMITS: 'register=1000/1h', TRUSTED_PROXIES: '1' },
})
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

  test('twelve moves to one address from everywhere → 202 each, and three emails at most', async t => {
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
    t.deepEqual([...new Set(replies.map(({ status }) => status))], [202])
    const owed = await world.sql(`SELECT 1 FROM emails WHERE recipient = $1 AND status <> 'dropped'`, [
      newEmail,
    ])
    t.true(owed.length <= 3)
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

  test('moves refused for a wrong password → the mailbox that they name still gets its email', async t => {
    const newEmail = anEmail()
    for (let i = 0; i < 4; i++) t.is((await ask(newEmail, { password: 'wrong horse 9' })).status, 403)
    t.is((await ask(newEmail)).status, 202)
    await world.mails.to(newEmail, 1, '/confirm-email?')
    t.pass()
  })

  test('a move refused by the limit of emails → the limit of sign-ins keeps its point', async t => {
    const ip = '203.0.113.11'
    const account = anAccount(world.client)
    for (let i = 0; i < 10; i++) await ask(anEmail(), { ip: i < 5 ? ip : somewhere() }, account)
    const login = (email: string) =>
      world.client.post('login', { email, password }, { headers: { 'x-forwarded-for': ip } })
    for (let i = 0; i < 5; i++)
      await world.client.post('forgot-password', { email: anEmail() }, { headers: { 'x-forwarded-for': ip } })
    for (let i = 0; i < 8; i++) {
      const refused = await ask(anEmail(), { ip }, account)
      t.is(refused.status, 429)
      t.regex(refused.headers.get('ratelimit') ?? '', /"login";r=5;.*"mail_ip";r=0;/)
    }
    for (let i = 0; i < 5; i++) t.is((await login(anEmail())).status, 401)
    t.is((await login(anEmail())).status, 429)
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

  const everywhere = (address: string, times = 20) =>
    Promise.all(
      Array.from({ length: times }, (_, i) =>
        forgot(i % 3 ? address : address.toUpperCase(), { at: (i % 2 ? world : other).client }),
      ),
    )
  const sentResets = async (email: string) =>
    (await world.mails.sentTo(email)).filter(({ link }) => link.includes('/reset-password?'))

  test('a caller over their own limit asks for a victim → the victim still gets a reset link', async t => {
    const ip = '203.0.113.8'
    for (let i = 0; i < 10; i++) t.is((await forgot(anEmail(), { ip })).status, 202)
    const victims: Account[] = []
    for (let i = 0; i < 5; i++) victims.push(await anAccount(world.client))
    for (const { email } of victims)
      for (let i = 0; i < 3; i++) t.is((await forgot(email, { ip })).status, 429)
    for (const { email } of victims) {
      t.is((await forgot(email)).status, 202)
      const { link } = await world.mails.to(email, 1, '/reset-password?')
      t.is((await world.client.post('verify-reset-token', { token: tokenOf(link) })).status, 200)
    }
  })

  test('twenty reset requests from everywhere → 202 each and three emails at most', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    const unknown = anEmail()
    for (const address of [email, unknown]) {
      const [first, ...others] = (await everywhere(address)).map(told)
      t.is(first?.status, 202)
      for (const reply of others)
        t.deepEqual(reply, first, 'no reply tells that the mailbox is over its limit')
    }
    await until('every mail to be settled', async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
      return queued.length === 0
    })
    const rows = await world.sql(`SELECT 1 FROM emails WHERE kind = 'reset_password' AND recipient = $1`, [
      email,
    ])
    t.is(rows.length, 20, 'each request does the same work')
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

  test('strangers used up the emails of a mailbox → its owner gets 202, and the newest link works', async t => {
    const { email } = await anAccount(world.client)
    for (let i = 0; i < 3; i++) await forgot(email)
    await settled(world)
    const before = await sentResets(email)
    const reply = await forgot(email)
    t.is(reply.status, 202)
    t.notRegex(reply.headers.get('ratelimit-policy') ?? '', /"mail"/, 'limits of the caller alone')
    await everywhere(email)
    await settled(world)
    const sent = await sentResets(email)
    t.is(sent.length, before.length, 'no further email')
    const reset = { token: tokenOf(sent.at(-1)?.link ?? ''), new_password: 'another horse 10' }
    t.is((await world.client.post('reset-password', reset)).status, 204)
  })

  test('a thief uses up the emails and ends their links → the owner gets one more link', async t => {
    const { email, password, access } = await anAccount(world.client)
    for (let i = 0; i < 3; i++) await forgot(email)
    await settled(world)
    const before = (await sentResets(email)).length
    const change = { current_password: password, new_password: 'another horse 10' }
    t.is((await world.client.post('change-password', change, { token: access })).status, 200)
    await forgot(email)
    const { link } = await world.mails.to(email, before + 1, '/reset-password?')
    await everywhere(email, 6)
    await settled(world)
    t.is((await sentResets(email)).length, before + 1, 'while that link stands, no further email')
    const reset = { token: tokenOf(link), new_password: 'third horse 11' }
    t.is((await world.client.post('reset-password', reset)).status, 204)
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
    t.is((await client.post('forgot-password', { email: owner.email })).status, 202)
    const { link } = await world.mails.to(owner.email, 1, '/reset-password?')
    t.regex(link, /token=lkp_/)
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

  test('twenty requests for a verification email at two instances → 202 each and three emails at most', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    const unknown = anEmail()
    for (const address of [email, unknown]) {
      const replies = await flood(address)
      t.deepEqual([...new Set(replies.map(({ status }) => status))], [202])
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

  test('an address with spaces around it → the limit of its mailbox, and not of another', async t => {
    const [{ email }, neighbour] = [await anAccount(world.client), await anAccount(world.client)]
    const verifications = async (of: string) =>
      (await world.mails.sentTo(of)).filter(({ link }) => link.includes('/verify-email?')).length
    for (let i = 0; i < 3; i++) {
      await world.client.post('resend-verification', { email })
      await settled(world)
    }
    t.is(await verifications(email), 4, 'one of the registration, and three')
    await world.client.post('resend-verification', { email: ` ${email} ` })
    await world.client.post('resend-verification', { email: neighbour.email })
    await settled(world)
    t.is(await verifications(email), 4)
    t.is(await verifications(neighbour.email), 2)
  })
}
