import test from 'ava'
import { anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld, type World } from '../../world.ts'
import { newPassword, requestResetMail, submitForm } from '../passwords/user-with-reset-mail.ts'
import { aDevice, guessPasswords, loginFrom } from './unknown-devices.ts'

// Attackers can exhaust the attempts of unknown devices at any time. The owner must still be able to sign in on the device
// that presented a mailed token.

const limits = 'register=1000/15m,mail=1000/1h,mail_ip=1000/1h,anonymous=9999/15m'
const env = { RATE_LIMITS: limits, TRUSTED_PROXIES: '1' }
const world = await openWorld({ worker: true, env })
const verifiedOnlyWorld = await openWorld({ worker: true, env: { ...env, REQUIRE_VERIFIED_EMAIL: 'true' } })
const privacyWorld = await openWorld({ worker: true, env: { ...env, REGISTRATION_PRIVACY: 'on' } })
test.after.always(async () => {
  for (const each of [world, verifiedOnlyWorld, privacyWorld]) await each[Symbol.asyncDispose]()
})

const { client, sql } = world

type DeviceHeaders = Record<string, string>

/** Exhausts the attempts of unknown devices. Throws unless an unknown device is then refused. */
const exhaustUnknownDevices = async ({ client }: World, email: string, right: string): Promise<void> => {
  await guessPasswords(client, email, 5)
  const { status } = await loginFrom(client, email, right)
  if (status !== 429) throw new Error(`an unknown device got ${status}`)
}

const register = ({ client }: World, email: string, device: DeviceHeaders) =>
  client.post('register', { email, password }, { headers: device })

/** The address of a new account whose verification email has arrived. */
const registeredEmail = async (): Promise<string> => {
  const email = anEmail()
  const { status } = await register(world, email, aDevice())
  if (status !== 201) throw new Error(`register answered ${status}`)
  await world.mails.to(email)
  return email
}

const resets: Record<string, (email: string, device: DeviceHeaders) => Promise<number>> = {
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

const sendFrom = (device: DeviceHeaders, method: string, to: string, more: { headers?: DeviceHeaders }) =>
  client.send(method, to, { ...more, headers: { ...more.headers, ...device } })

for (const [way, reset] of Object.entries(resets))
  test(`attempts of unknown devices are exhausted → the device that presented ${way} signs in`, async t => {
    const [email, phone] = [await registeredEmail(), aDevice()]
    t.true([204, 303].includes(await reset(email, phone)))
    await exhaustUnknownDevices(world, email, newPassword)
    t.is((await loginFrom(client, email, newPassword, phone)).status, 200)
    const sameNetwork = { ...phone, 'user-agent': 'another-program/1' }
    t.is((await loginFrom(client, email, newPassword, sameNetwork)).status, 429, 'only this device')
  })

test('a device that presented a mailed token sends five wrong passwords → it must wait', async t => {
  const [email, phone] = [await registeredEmail(), aDevice()]
  t.is(await resets['the link of a reset']?.(email, phone), 204)
  for (let i = 0; i < 5; i++) t.is((await loginFrom(client, email, `wrong ${i}`, phone)).status, 401)
  t.is((await loginFrom(client, email, newPassword, phone)).status, 429)
  t.is((await loginFrom(client, email, newPassword)).status, 200, 'unknown devices have their own counter')
})

test('the device that reset the password signs in twice → one new-device email', async t => {
  const [email, phone] = [await registeredEmail(), aDevice()]
  t.is(await resets['the link of a reset']?.(email, phone), 204)
  const notices = () => sql(`SELECT 1 FROM emails WHERE recipient = $1 AND kind = 'new_device'`, [email])
  for (let i = 0; i < 2; i++) {
    t.is((await loginFrom(client, email, newPassword, phone)).status, 200)
    t.is((await notices()).length, 1)
  }
})

test('a device sends a wrong token or code → it stays unknown', async t => {
  const [email, attackerDevice] = [await registeredEmail(), aDevice()]
  const { code } = await requestResetMail(world, email)
  const wrong = String((Number(code) + 1) % 10 ** code.length).padStart(code.length, '0')
  for (const presented of [{ token: 'lkp_x' }, { email, code: wrong }]) {
    const body = { ...presented, new_password: newPassword }
    t.is((await client.post('reset-password', body, { headers: attackerDevice })).status, 401)
  }
  await exhaustUnknownDevices(world, email, password)
  t.is((await loginFrom(client, email, password, attackerDevice)).status, 429)
})

test('a device sends a valid token with a weak password → it stays unknown', async t => {
  const [email, phone] = [await registeredEmail(), aDevice()]
  const { token } = await requestResetMail(world, email)
  const body = { token, new_password: 'short1' }
  t.is((await client.post('reset-password', body, { headers: phone })).status, 400)
  await exhaustUnknownDevices(world, email, password)
  t.is((await loginFrom(client, email, password, phone)).status, 429)
})

test('REQUIRE_VERIFIED_EMAIL → the device that registered signs in after attempts of others', async t => {
  const [email, phone, laptop] = [anEmail(), aDevice(), aDevice()]
  t.is((await register(verifiedOnlyWorld, email, laptop)).status, 202)
  await exhaustUnknownDevices(verifiedOnlyWorld, email, password)
  t.is((await loginFrom(verifiedOnlyWorld.client, email, password, laptop)).body.code, 'EMAIL_NOT_VERIFIED')
  const { code } = await verifiedOnlyWorld.mails.to(email)
  t.is((await verifiedOnlyWorld.client.post('verify-email', { email, code }, { headers: phone })).status, 200)
  for (const device of [laptop, phone])
    t.is((await loginFrom(verifiedOnlyWorld.client, email, password, device)).status, 200)
  t.is((await loginFrom(verifiedOnlyWorld.client, email, password)).status, 429)
})

test('REGISTRATION_PRIVACY → the device that verified the address signs in', async t => {
  const [email, phone] = [anEmail(), aDevice()]
  t.is((await register(privacyWorld, email, aDevice())).status, 202)
  const { link } = await privacyWorld.mails.to(email)
  const body = { token: tokenOf(link) }
  t.is((await privacyWorld.client.post('verify-email', body, { headers: phone })).status, 200)
  await exhaustUnknownDevices(privacyWorld, email, password)
  t.is((await loginFrom(privacyWorld.client, email, password, phone)).status, 200)
})

test('REGISTRATION_PRIVACY → a device that registered stays unknown, so that taken addresses do not show', async t => {
  const taken = anEmail()
  t.is((await register(privacyWorld, taken, aDevice())).status, 202)
  const { link } = await privacyWorld.mails.to(taken)
  t.is((await privacyWorld.client.post('verify-email', { token: tokenOf(link) })).status, 200)
  for (const email of [taken, anEmail()]) {
    const device = aDevice()
    t.is((await register(privacyWorld, email, device)).status, 202)
    for (let i = 0; i < 5; i++)
      t.is((await loginFrom(privacyWorld.client, email, `wrong ${i}`, device)).status, 401)
    t.is((await loginFrom(privacyWorld.client, email, 'wrong horse 9')).status, 429)
  }
})
