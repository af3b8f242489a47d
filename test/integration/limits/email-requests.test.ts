import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { untilNoEmailQueued } from '../email-change/change-email.ts'

// Limits of requests that cause emails. A mailbox over its limit must not be a reason to refuse its owner.

/**
 * The parts of a reply that do not vary between two requests. The request id and the points left for the
 * caller vary.
 */
const comparable = ({ status, headers, text }: Reply) => {
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
  // The default limits. A change of address must not allow an attacker to flood a mailbox of others or to
  // guess passwords.

  let asked = 0
  const newIp = () => `198.51.100.${++asked}`
  const ask = async (
    newEmail: string,
    { ip = newIp(), at = world.client, password = '' } = {},
    account = anAccount(world.client, {}),
  ) => {
    const mover = await account
    return at.post(
      'change-email',
      { current_password: password || mover.password, new_email: newEmail },
      { token: mover.access, headers: { 'x-forwarded-for': ip } },
    )
  }

  test('twelve moves to one email from twelve IP addresses → 202 each and at most three emails', async t => {
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
    const queued = await world.sql(`SELECT 1 FROM emails WHERE recipient = $1 AND status <> 'dropped'`, [
      newEmail,
    ])
    t.true(queued.length <= 3)
    await untilNoEmailQueued(world)
    t.true((await world.mails.sentTo(newEmail)).length <= 3)
  })

  test('one IP address asks for eleven moves to different mailboxes → ten times 202, then 429', async t => {
    const ip = '203.0.113.9'
    const account = anAccount(world.client)
    const statuses = []
    for (let i = 0; i < 11; i++) statuses.push((await ask(anEmail(), { ip }, account)).status)
    t.deepEqual(statuses, [...Array(10).fill(202), 429])
    t.is((await ask(anEmail(), {}, account)).status, 202, 'another IP address is not limited')
  })

  test('moves refused for a wrong password → the target mailbox can still receive its email', async t => {
    const newEmail = anEmail()
    for (let i = 0; i < 4; i++) t.is((await ask(newEmail, { password: 'wrong horse 9' })).status, 403)
    t.is((await ask(newEmail)).status, 202)
    await world.mails.to(newEmail, 1, '/confirm-email?')
    t.pass()
  })

  test('a move refused by the email limit → the login limit loses no point', async t => {
    const ip = '203.0.113.11'
    const account = anAccount(world.client)
    for (let i = 0; i < 10; i++) await ask(anEmail(), { ip: i < 5 ? ip : newIp() }, account)
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

  test('change-email with eleven wrong passwords from one IP address → ten times 403, then 429', async t => {
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
  // The default limits: three emails an hour to one mailbox, ten an hour requested by one IP address.

  let asked = 0
  const newIp = () => `198.51.${100 + Math.floor(++asked / 250)}.${asked % 250}`
  const forgot = (email: string, { ip = newIp(), at = world.client } = {}) =>
    at.post('forgot-password', { email }, { headers: { 'x-forwarded-for': ip } })

  const floodReset = (address: string, times = 20) =>
    Promise.all(
      Array.from({ length: times }, (_, i) =>
        forgot(i % 3 ? address : address.toUpperCase(), { at: (i % 2 ? world : other).client }),
      ),
    )
  const sentResets = async (email: string) =>
    (await world.mails.sentTo(email)).filter(({ link }) => link.includes('/reset-password?'))

  test('IP address over its limit requests resets for a victim → the victim still gets a reset link', async t => {
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

  test('twenty reset requests from twenty IP addresses → 202 each and at most three emails', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    const unknown = anEmail()
    for (const address of [email, unknown]) {
      const [first, ...others] = (await floodReset(address)).map(comparable)
      t.is(first?.status, 202)
      for (const reply of others)
        t.deepEqual(reply, first, 'no reply reveals that the mailbox is over its limit')
    }
    await until('no email to be queued', async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
      return queued.length === 0
    })
    const rows = await world.sql(`SELECT 1 FROM emails WHERE kind = 'reset_password' AND recipient = $1`, [
      email,
    ])
    t.is(rows.length, 20, 'each request does the same work')
    const mails = (await world.mails.sentTo(email)).length
    t.true(mails >= 2 && mails <= 4, `${mails}: one from the registration and at most three resets`)
    t.is((await world.mails.sentTo(unknown)).length, 0)
  })

  test('one IP address asks for eleven resets for different mailboxes → ten times 202, then 429', async t => {
    const ip = '203.0.113.9'
    const statuses = []
    for (let i = 0; i < 11; i++) statuses.push((await forgot(anEmail(), { ip })).status)
    t.deepEqual(statuses, [...Array(10).fill(202), 429])
    t.is((await forgot(anEmail())).status, 202, 'another IP address is not limited')
  })

  test('attacker used up the email limit of a mailbox → its owner gets 202 and the newest link works', async t => {
    const { email } = await anAccount(world.client)
    for (let i = 0; i < 3; i++) await forgot(email)
    await untilNoEmailQueued(world)
    const before = await sentResets(email)
    const reply = await forgot(email)
    t.is(reply.status, 202)
    t.notRegex(reply.headers.get('ratelimit-policy') ?? '', /"mail"/, 'only the limits of the caller')
    await floodReset(email)
    await untilNoEmailQueued(world)
    const sent = await sentResets(email)
    t.is(sent.length, before.length, 'no further email')
    const reset = { token: tokenOf(sent.at(-1)?.link ?? ''), new_password: 'another horse 10' }
    t.is((await world.client.post('reset-password', reset)).status, 204)
  })

  test('a thief uses up the email limit and invalidates the links → the owner gets one more link', async t => {
    const { email, password, access } = await anAccount(world.client)
    for (let i = 0; i < 3; i++) await forgot(email)
    await untilNoEmailQueued(world)
    const before = (await sentResets(email)).length
    const change = { current_password: password, new_password: 'another horse 10' }
    t.is((await world.client.post('change-password', change, { token: access })).status, 200)
    await forgot(email)
    const { link } = await world.mails.to(email, before + 1, '/reset-password?')
    await floodReset(email, 6)
    await untilNoEmailQueued(world)
    t.is((await sentResets(email)).length, before + 1, 'no further email while that link is valid')
    const reset = { token: tokenOf(link), new_password: 'third horse 11' }
    t.is((await world.client.post('reset-password', reset)).status, 204)
  })
}

{
  const world = roomyWorld
  // Emails that an attacker requests on other routes must not use up the reset emails of the owner.

  const { client } = world

  test('attacker uses resend-verification and change-email → the owner still gets a reset email', async t => {
    const owner = await anAccount(client)
    await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [owner.userId])
    const attacker = await anAccount(client)
    for (let i = 0; i < 4; i++) {
      await client.post('resend-verification', { email: owner.email })
      const move = { current_password: 'wrong horse 9', new_email: owner.email }
      await client.post('change-email', move, { token: attacker.access })
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

  test('twenty verification requests at two instances → 202 each and at most three emails', async t => {
    const { email } = await anAccount(world.client)
    await world.mails.to(email)
    const unknown = anEmail()
    for (const address of [email, unknown]) {
      const replies = await flood(address)
      t.deepEqual([...new Set(replies.map(({ status }) => status))], [202])
    }
    await until('no email to be queued', async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
      return queued.length === 0
    })
    const { length } = await world.mails.sentTo(email)
    t.true(length >= 2 && length <= 4, `${length}: one from the registration and at most three more`)
    t.is((await world.mails.sentTo(unknown)).length, 0)
  })

  test('email with spaces around it → counts against its own mailbox only', async t => {
    const [{ email }, neighbour] = [await anAccount(world.client), await anAccount(world.client)]
    await untilNoEmailQueued(world)
    const verifications = async (of: string) =>
      (await world.mails.sentTo(of)).filter(({ link }) => link.includes('/verify-email?')).length
    for (let i = 0; i < 3; i++) {
      await world.client.post('resend-verification', { email })
      await untilNoEmailQueued(world)
    }
    t.is(await verifications(email), 4, 'one from the registration and three more')
    await world.client.post('resend-verification', { email: ` ${email} ` })
    await world.client.post('resend-verification', { email: neighbour.email })
    await untilNoEmailQueued(world)
    t.is(await verifications(email), 4)
    t.is(await verifications(neighbour.email), 2)
  })
}
