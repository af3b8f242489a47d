import anyTest from 'ava'
import { accountKey } from '../../../src/features/lockout/attempt-counter.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { aVerifiedAccount } from '../email-change/change-email.ts'
import { aDevice, loginFrom } from '../lockout/unknown-devices.ts'
import { wrongCodes } from '../passwords/user-with-reset-mail.ts'
import { askForCode, comparable, confirm, requestLoginMail } from './login-mail.ts'

// Guesses at codes, and emails to a mailbox, with the default limits. Neither lets an attacker in, and neither lets an attacker
// keep the owner out.

const test = anyTest.serial

const world = await openWorld({ worker: true, env: { RATE_LIMITS: '', TRUSTED_PROXIES: '1' } })
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client, keys } = world
const path = 'login/email/confirm'

const dropLimits = async (name: string) => world.dropKeys(await world.keysLike(`${keys.limit(name)}*`))
// The tests register more accounts than one IP address may.
test.beforeEach(async () => {
  await dropLimits('register')
  await dropLimits('anonymous')
})

/** An account that knows one device. */
const anOwner = async () => {
  const account = await aVerifiedAccount(world)
  const device = aDevice()
  const { status } = await loginFrom(client, account.email, password, device)
  if (status !== 200) throw new Error(`login answered ${status}`)
  return { ...account, device }
}

/** Requests a code from a device that the account does not know, however many were requested before. */
const requestAsAttacker = async (email: string) => {
  await dropLimits('mail')
  return requestLoginMail(world, email, aDevice())
}

const guess = async (login_token: string, codes: string[]) => {
  for (const code of codes) {
    const { status } = await confirm(client, { login_token, code }, aDevice())
    if (status !== 401) throw new Error(`a wrong code was answered ${status}`)
  }
}

test('five wrong codes, or forty at the same moment at two instances → the right code is refused', async t => {
  const { email } = await aVerifiedAccount(world)
  const one = await requestAsAttacker(email)
  await guess(one.login_token, wrongCodes(one.code, 5))
  t.is((await confirm(client, one, aDevice())).status, 400, 'code and link together')
  const { login_token, code } = one
  t.is((await confirm(client, { login_token, code }, aDevice())).status, 401)

  const many = await requestAsAttacker(email)
  const codes = [...wrongCodes(many.code, 39), many.code]
  const replies = await sendSimultaneously(
    [world.url, other.url],
    times(39, i => ({
      path,
      headers: aDevice(),
      body: { login_token: many.login_token, code: codes[i] },
    })),
  )
  t.deepEqual(statusesOf(replies), { 401: 39 })
  const last = { login_token: many.login_token, code: many.code }
  t.is((await confirm(client, last, aDevice())).status, 401)
  t.is(await world.redis.get(keys.guesses(accountKey(email), 'login')), '10', 'refused guesses cost nothing')
})

test('twenty wrong codes over four requests → no other code works; a link and a known device do', async t => {
  const { email, device, userId } = await anOwner()
  for (let i = 0; i < 4; i++) {
    const { login_token, code } = await requestAsAttacker(email)
    await guess(login_token, wrongCodes(code, 5))
  }
  const fifth = await requestAsAttacker(email)
  const { login_token } = fifth
  t.is((await confirm(client, { login_token, code: fifth.code }, aDevice())).status, 401)
  t.is((await confirm(client, { login_token, token: fifth.token }, aDevice())).status, 200)

  const own = await requestLoginMail(world, email, device)
  const [wrong = ''] = wrongCodes(own.code, 1)
  t.is((await confirm(client, { login_token: own.login_token, code: wrong }, device)).status, 401)
  t.is((await confirm(client, { login_token: own.login_token, code: own.code }, device)).status, 200)
  const ownKeys = await world.keysLike(`${keys.guesses(accountKey(userId), 'login')}:*`)
  t.is(ownKeys.length, 1)
  t.is(await world.redis.get(ownKeys[0] ?? ''), '1', 'a right code is no guess')

  await world.dropKeys([keys.guesses(accountKey(email), 'login')])
  const later = await requestAsAttacker(email)
  t.is((await confirm(client, { login_token: later.login_token, code: later.code }, aDevice())).status, 200)
})

test('wrong codes for an unknown address → counted like those of an account', async t => {
  const { email } = await aVerifiedAccount(world)
  const unknown = anEmail()
  await dropLimits('code_service')
  const known = await requestAsAttacker(email)
  await guess(known.login_token, wrongCodes(known.code, 3))
  const service = () => world.redis.get(`${keys.limit('code_service')}:all`)
  await until('the count of the service', async () => (await service()) === '3')
  await guess(await askForCode(world, unknown, aDevice()), wrongCodes('00000000', 3))
  for (const address of [email, unknown])
    t.is(await world.redis.get(keys.guesses(accountKey(address), 'login')), '3')
  await until('the refund of codes that no email has', async () => (await service()) === '3')
  t.is((await confirm(client, { login_token: known.login_token, code: known.code }, aDevice())).status, 200)
})

test('twenty unknown devices request codes for one address → three emails; a known device gets three more', async t => {
  const { email, device } = await anOwner()
  const unknown = anEmail()
  await dropLimits('mail')
  for (const address of [email, unknown]) {
    const replies = []
    for (let i = 0; i < 20; i++)
      replies.push(await client.post('login/email', { email: address }, { headers: aDevice() }))
    const shapes = replies.map(reply => JSON.stringify(comparable(reply)).replace(/lke_[\w-]{43}/, ''))
    t.is(new Set(shapes.map(shape => shape.replace(/"(ratelimit[\w-]*)","[^"]*"/g, ''))).size, 1)
  }
  const unsent = await askForCode(world, email, aDevice())
  for (let i = 0; i < 3; i++) {
    const { login_token, code } = await requestLoginMail(world, email, device)
    t.is((await confirm(client, { login_token, code }, device)).status, 200, `sign-in ${i + 1}`)
  }
  await askForCode(world, email, device)
  const rows = () =>
    world.sql<{ status: string }>(`SELECT status FROM emails WHERE recipient = $1 AND kind = 'login_code'`, [
      email,
    ])
  await until('all emails to be settled', async () => (await rows()).every(row => row.status !== 'queued'))
  t.is((await rows()).filter(row => row.status === 'sent').length, 6)
  t.is((await confirm(client, { login_token: unsent, code: '00000000' }, aDevice())).status, 401)
})

test('squatter with known devices requests codes for a squatted address → three emails, and no more', async t => {
  const email = anEmail()
  const device = aDevice()
  await anAccount(client, { email })
  t.is((await loginFrom(client, email, password, device)).status, 200)
  await dropLimits('mail')
  for (let i = 0; i < 5; i++) await askForCode(world, email, device)
  const rows = () =>
    world.sql<{ status: string }>(`SELECT status FROM emails WHERE recipient = $1 AND kind = 'login_code'`, [
      email,
    ])
  await until('all emails to be settled', async () => (await rows()).every(row => row.status !== 'queued'))
  t.is((await rows()).filter(row => row.status === 'sent').length, 3)
})

test('eleven requests or thirty-one confirmations from one IP address → the last one gets 429', async t => {
  const headers = aDevice()
  const ask = () => client.post('login/email', { email: anEmail() }, { headers })
  for (let i = 0; i < 10; i++) t.is((await ask()).status, 202)
  const refused = await ask()
  t.is(refused.status, 429)
  t.truthy(refused.headers.get('retry-after'))
  const { email } = await aVerifiedAccount(world)
  await dropLimits('mail')
  const { login_token, code } = await requestLoginMail(world, email)
  t.is((await confirm(client, { login_token, code }, headers)).status, 200, 'a sign-in costs no point')
  const body = { login_token: 'lke_x', code: '12345678' }
  const replies = await sendSimultaneously([world.url], times(31, { path, headers, body }))
  t.deepEqual(statusesOf(replies), { 401: 30, 429: 1 })
})
