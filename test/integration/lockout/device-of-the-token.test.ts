import test from 'ava'
import { anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld, type World } from '../../world.ts'
import { newPassword, requestResetMail, submitForm } from '../passwords/user-with-reset-mail.ts'
import { aDevice, guessPasswords, loginFrom } from './unknown-devices.ts'

// Strangers can use up their attempts at an account whenever they like. Its owner must get in on the device that
// presented a mailed token all the same.

const limits = 'register=1000/15m,mail=1000/1h,mail_ip=1000/1h,anonymous=9999/15m'
const env = { RATE_LIMITS: limits, TRUSTED_PROXIES: '1' }
const world = await openWorld({ worker: true, env })
const strict = await openWorld({ worker: true, env: { ...env, REQUIRE_VERIFIED_EMAIL: 'true' } })
const discreet = await openWorld({ worker: true, env: { ...env, REGISTRATION_PRIVACY: 'on' } })
test.after.always(async () => {
  for (const each of [world, strict, discreet]) await each[Symbol.asyncDispose]()
})

const { client, sql } = world

type Place = Record<string, string>

/** Strangers use up their attempts, so that a place that is not known is refused. */
const shutOut = async ({ client }: World, email: string, right: string): Promise<void> => {
  await guessPasswords(client, email, 5)
  const { status } = await loginFrom(client, email, right)
  if (status !== 429) throw new Error(`a stranger was answered ${status}`)
}

const register = ({ client }: World, email: string, place: Place) =>
  client.post('register', { email, password }, { headers: place })

/** Somebody whose verification email has come: the next one is another. */
const registered = async (): Promise<string> => {
  const email = anEmail()
  const { status } = await register(world, email, aDevice())
  if (status !== 201) throw new Error(`register answered ${status}`)
  await world.mails.to(email)
  return email
}

const ways: Record<string, (email: string, place: Place) => Promise<number>> = {
  'the link of a reset': async (email, headers) => {
    const { token } = await requestResetMail(world, email)
    return (await client.post('reset-password', { token, new_password: newPassword }, { headers })).status
  },
  'the code of a reset': async (email, headers) => {
    const { code } = await requestResetMail(world, email)
    return (await client.post('reset-password', { email, code, new_password: newPassword }, { headers }))
      .status
  },
  'the page of a reset': async (email, headers) => {
    const { path } = await requestResetMail(world, email)
    const page = (await client.get(path, { headers })).text
    const from = {
      ...client,
      send: (method: string, to: string, more = {}) => sendFrom(headers, method, to, more),
    }
    return (await submitForm(from, { path, page }, { new_password: newPassword })).status
  },
  'the invitation of a guest': async (email, headers) => {
    const [user] = await sql<{ id: string }>(
      'UPDATE users SET password_hash = NULL WHERE email = $1 RETURNING id',
      [email],
    )
    await world.queueEmail({ kind: 'welcome_guest', recipient: email, userId: user?.id ?? '', locale: 'en' })
    const { link } = await world.mails.to(email, 1, '/reset-password')
    const body = { token: tokenOf(link), new_password: newPassword }
    return (await client.post('reset-password', body, { headers })).status
  },
}

const sendFrom = (place: Place, method: string, to: string, more: { headers?: Place }) =>
  client.send(method, to, { ...more, headers: { ...more.headers, ...place } })

for (const [way, reset] of Object.entries(ways))
  test(`strangers use up their attempts after ${way} → the device that presented it signs in`, async t => {
    const [email, phone] = [await registered(), aDevice()]
    t.true([204, 303].includes(await reset(email, phone)))
    await shutOut(world, email, newPassword)
    t.is((await loginFrom(client, email, newPassword, phone)).status, 200)
    const sameNetwork = { ...phone, 'user-agent': 'another-program/1' }
    t.is((await loginFrom(client, email, newPassword, sameNetwork)).status, 429, 'only that device')
  })

test('a device that presented a mailed token has five free attempts, and then waits', async t => {
  const [email, phone] = [await registered(), aDevice()]
  t.is(await ways['the link of a reset']?.(email, phone), 204)
  for (let i = 0; i < 5; i++) t.is((await loginFrom(client, email, `wrong ${i}`, phone)).status, 401)
  t.is((await loginFrom(client, email, newPassword, phone)).status, 429)
  t.is((await loginFrom(client, email, newPassword)).status, 200, 'strangers have their own')
})

test('the first sign-in from the device that reset is told by email, as from any new device', async t => {
  const [email, phone] = [await registered(), aDevice()]
  t.is(await ways['the link of a reset']?.(email, phone), 204)
  const notices = () => sql(`SELECT 1 FROM emails WHERE recipient = $1 AND kind = 'new_device'`, [email])
  for (let i = 0; i < 2; i++) {
    t.is((await loginFrom(client, email, newPassword, phone)).status, 200)
    t.is((await notices()).length, 1)
  }
})

test('a wrong token or code → its device is not known', async t => {
  const [email, thief] = [await registered(), aDevice()]
  const { code } = await requestResetMail(world, email)
  const wrong = String((Number(code) + 1) % 10 ** code.length).padStart(code.length, '0')
  for (const presented of [{ token: 'lkp_x' }, { email, code: wrong }]) {
    const body = { ...presented, new_password: newPassword }
    t.is((await client.post('reset-password', body, { headers: thief })).status, 401)
  }
  await shutOut(world, email, password)
  t.is((await loginFrom(client, email, password, thief)).status, 429)
})

test('a token that a weak password was sent with → its device is not known yet', async t => {
  const [email, phone] = [await registered(), aDevice()]
  const { token } = await requestResetMail(world, email)
  const body = { token, new_password: 'short1' }
  t.is((await client.post('reset-password', body, { headers: phone })).status, 400)
  await shutOut(world, email, password)
  t.is((await loginFrom(client, email, password, phone)).status, 429)
})

test('a registration that begins no session → its device signs in, whatever strangers try before', async t => {
  const [email, phone, laptop] = [anEmail(), aDevice(), aDevice()]
  t.is((await register(strict, email, laptop)).status, 202)
  await shutOut(strict, email, password)
  t.is((await loginFrom(strict.client, email, password, laptop)).body.code, 'EMAIL_NOT_VERIFIED')
  const { code } = await strict.mails.to(email)
  t.is((await strict.client.post('verify-email', { email, code }, { headers: phone })).status, 200)
  for (const device of [laptop, phone])
    t.is((await loginFrom(strict.client, email, password, device)).status, 200)
  t.is((await loginFrom(strict.client, email, password)).status, 429)
})

test('with REGISTRATION_PRIVACY a verified address → the device that verified it signs in', async t => {
  const [email, phone] = [anEmail(), aDevice()]
  t.is((await register(discreet, email, aDevice())).status, 202)
  const { link } = await discreet.mails.to(email)
  const body = { token: tokenOf(link) }
  t.is((await discreet.client.post('verify-email', body, { headers: phone })).status, 200)
  await shutOut(discreet, email, password)
  t.is((await loginFrom(discreet.client, email, password, phone)).status, 200)
})

test('with REGISTRATION_PRIVACY a device that registered has no attempts of its own, which would tell a free address from a taken one', async t => {
  const taken = anEmail()
  t.is((await register(discreet, taken, aDevice())).status, 202)
  const { link } = await discreet.mails.to(taken)
  t.is((await discreet.client.post('verify-email', { token: tokenOf(link) })).status, 200)
  for (const email of [taken, anEmail()]) {
    const curious = aDevice()
    t.is((await register(discreet, email, curious)).status, 202)
    for (let i = 0; i < 5; i++)
      t.is((await loginFrom(discreet.client, email, `wrong ${i}`, curious)).status, 401)
    t.is((await loginFrom(discreet.client, email, 'wrong horse 9')).status, 429)
  }
})
