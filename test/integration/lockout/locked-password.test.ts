import anyTest from 'ava'
import { unknownDevices } from '../../../src/features/lockout/attempt-counter.ts'
import type { Client, Reply } from '../../client.ts'
import { anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { newPassword, requestResetMail } from '../passwords/user-with-reset-mail.ts'
import { aDevice, guessPasswords, loginFrom, wrongPassword } from './unknown-devices.ts'

// Wrong guesses lock the password for unknown devices, and never lock out the owner.

const test = anyTest.serial

const env = { RATE_LIMITS: 'mail=1000/1h,mail_ip=1000/1h,anonymous=9999/15m', TRUSTED_PROXIES: '1' }
const closedPasswordWorld = await openWorld({ worker: true, env })
const stolenSessionWorld = await openWorld({
  env: { RATE_LIMITS: 'mail=1000/1h,mail_ip=1000/1h', TRUSTED_PROXIES: '1' },
})
anyTest.after.always(async () => {
  for (const each of [closedPasswordWorld, stolenSessionWorld]) await each[Symbol.asyncDispose]()
})

{
  const world = closedPasswordWorld
  // 100 consecutive wrong passwords lock a password (NIST SP 800-63B-4, section 3.2.2). An attacker must not be able to
  // lock out the owner that way.

  const { client, clock, travel, sql } = world

  /** A user whose device is known. */
  const anOwner = async () => {
    const [email, knownDevice] = [anEmail(), aDevice()]
    const { body } = await client.post('register', { email, password }, { headers: knownDevice })
    return { email, knownDevice, userId: body.user.id as string, token: body.access_token as string }
  }

  /** Sends 100 wrong passwords from unknown devices, and skips the waits, until the password is locked. */
  const lockPassword = async (email: string): Promise<void> => {
    for (let i = 0; i < 100; i++) {
      const { status } = await loginFrom(client, email, `${wrongPassword}${i}`)
      if (status !== 401) throw new Error(`wrong password ${i} got ${status}`)
      if (i >= 4) await travel(clock.shift + 3_600_001)
      // More than a day may pass between two guesses.
      if (i === 50) await travel(clock.shift + 2 * 86_400_000)
    }
  }

  const lockEvents = (userId: string) =>
    sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'password.closed'`, [userId])

  test('100 wrong passwords → locked for unknown devices, not for the known one, until a reset', async t => {
    const { email, knownDevice, userId } = await anOwner()
    await lockPassword(email)
    const locked = await loginFrom(client, email, password)
    t.is(locked.status, 401)
    t.is(locked.body.code, 'INVALID_CREDENTIALS', 'the reply of a wrong password')
    t.is((await lockEvents(userId)).length, 1)

    t.is((await loginFrom(client, email, password, knownDevice)).status, 200, 'the known device signs in')
    await travel(clock.shift + 3_600_001)
    t.is((await loginFrom(client, email, password)).status, 401, 'unknown devices stay locked')
    t.is((await lockEvents(userId)).length, 1)

    // Without this the reset link would have expired.
    await travel(0)
    const reset = await requestResetMail(world, email)
    const done = await client.post('reset-password', { token: reset.token, new_password: newPassword })
    t.is(done.status, 204)
    t.is((await loginFrom(client, email, newPassword)).status, 200)
  })

  test('Redis loses its keys after 100 wrong passwords → unknown devices stay locked', async t => {
    const { email, userId } = await anOwner()
    await lockPassword(email)
    await world.dropKeys([world.keys.attempts(unknownDevices(email).owner), world.keys.seen(userId)])
    t.is((await loginFrom(client, email, password)).status, 401)
    t.is((await loginFrom(client, email, password)).status, 401)
  })

  test('unknown devices must wait → the known device signs in, and its wrong passwords count separately', async t => {
    const { email, knownDevice } = await anOwner()
    await guessPasswords(client, email, 5)
    t.is((await loginFrom(client, email, password)).status, 429)
    t.is((await loginFrom(client, email, password, knownDevice)).status, 200)
    for (let i = 0; i < 5; i++)
      t.is((await loginFrom(client, email, `${wrongPassword}${i}`, knownDevice)).status, 401)
    const waiting = await loginFrom(client, email, password, knownDevice)
    t.is(waiting.status, 429)
    t.true(Number(waiting.headers.get('retry-after')) <= 30)
    await travel(clock.shift + 31_000)
    t.is((await loginFrom(client, email, password)).status, 200, 'unknown devices have their own counter')
  })

  test('a known device sends 100 wrong passwords → it is locked, and other devices sign in', async t => {
    const { email, knownDevice, userId } = await anOwner()
    for (let i = 0; i < 100; i++) {
      // Reset the limit of ten logins per 15 minutes and IP address.
      await world.dropKeys(await world.keysLike(`${world.keys.limit('login')}*`))
      t.is((await loginFrom(client, email, `${wrongPassword}${i}`, knownDevice)).status, 401)
      await travel(clock.shift + 3_600_001)
    }
    await world.dropKeys(await world.keysLike(`${world.keys.limit('login')}*`))
    t.is((await loginFrom(client, email, password, knownDevice)).status, 401)
    t.is((await lockEvents(userId)).length, 0)
    t.is((await loginFrom(client, email, password)).status, 200, 'other devices still sign in')
  })

  test('the owner resets the password → the attacker’s device is unknown, and its next login is notified', async t => {
    await travel(0)
    const { email, userId } = await anOwner()
    const attackerDevice = aDevice()
    t.is((await loginFrom(client, email, password, attackerDevice)).status, 200)
    const notices = () => sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'new_device'`, [userId])
    const before = (await notices()).length
    t.is((await client.post('forgot-password', { email })).status, 202)
    const { link } = await world.mails.to(email, 1, '/reset-password')
    t.is(
      (await client.post('reset-password', { token: tokenOf(link), new_password: newPassword })).status,
      204,
    )
    await sql('UPDATE users SET failed_logins = 100 WHERE id = $1', [userId])
    t.is((await loginFrom(client, email, newPassword, attackerDevice)).status, 401)
    await sql('UPDATE users SET failed_logins = 0 WHERE id = $1', [userId])
    t.is((await loginFrom(client, email, newPassword, attackerDevice)).status, 200)
    t.is((await notices()).length, before + 1)
  })

  test('a reset request → neither starts nor ends a wait', async t => {
    const { email } = await anOwner()
    for (let i = 0; i < 12; i++) t.is((await client.post('forgot-password', { email })).status, 202)
    t.is((await loginFrom(client, email, password)).status, 200)
    await guessPasswords(client, email, 5)
    t.is((await client.post('forgot-password', { email })).status, 202)
    t.is((await loginFrom(client, email, password)).status, 429)
  })

  test('wrong passwords for an unknown address → no user row, and events without a user id', async t => {
    const email = anEmail()
    await guessPasswords(client, email, 5)
    t.is((await sql('SELECT 1 FROM users WHERE email = $1', [email])).length, 0)
    const rows = await sql<{ user_id: string | null }>(
      `SELECT user_id FROM audit_events WHERE type = 'login.failed' ORDER BY id DESC LIMIT 5`,
    )
    t.true(rows.every(({ user_id }) => user_id === null))
  })
}

{
  const world = stolenSessionWorld
  // With a stolen access token an attacker must not avoid the waits: each route that verifies the password counts.

  const { client, clock, travel, sql } = world

  const anOwner = async () => {
    const email = anEmail()
    const { body } = await client.post('register', { email, password }, { headers: aDevice() })
    return { email, userId: body.user.id as string, token: body.access_token as string }
  }

  type SendPassword = (client: Client, token: string, tried: string) => Promise<Reply>
  const send =
    (method: string, path: string, bodyOf: (tried: string) => object): SendPassword =>
    (on, token, tried) =>
      on.send(method, path, { token, body: bodyOf(tried), headers: aDevice() })

  const routes: Record<string, SendPassword> = {
    'POST change-password': send('POST', 'change-password', tried => ({
      current_password: tried,
      new_password: 'another horse 10',
    })),
    'PUT change-password': send('PUT', 'change-password', tried => ({
      current_password: tried,
      new_password: 'another horse 10',
    })),
    'change-email': send('POST', 'change-email', tried => ({
      current_password: tried,
      new_email: anEmail(),
    })),
    'DELETE me': send('DELETE', 'me', tried => ({ password: tried })),
  }

  for (const [name, sendPassword] of Object.entries(routes)) {
    test(`${name}: five wrong passwords → 429 also for the right one, until the wait is over`, async t => {
      const { userId, token } = await anOwner()
      for (let i = 0; i < 5; i++)
        t.is((await sendPassword(client, token, `${wrongPassword}${i}`)).status, 403)
      const waiting = await sendPassword(client, token, password)
      t.is(waiting.status, 429)
      t.true(Number(waiting.headers.get('retry-after')) <= 30)
      const refused = `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'password.refused'`
      t.is((await sql(refused, [userId])).length, 5)
      await travel(clock.shift + 31_000)
      t.true([200, 202, 204].includes((await sendPassword(client, token, password)).status))
    })

    test(`${name}: unknown devices guess at the login → the session is not affected`, async t => {
      const { email, token } = await anOwner()
      await guessPasswords(client, email, 6)
      t.true([200, 202, 204].includes((await sendPassword(client, token, password)).status))
    })
  }

  test('wrong passwords at several routes → one counter per session; other sessions and login are free', async t => {
    const { email, token } = await anOwner()
    const second = (await loginFrom(client, email, password)).body.access_token as string
    const asks = Object.values(routes)
    for (const sendPassword of asks) t.is((await sendPassword(client, token, wrongPassword)).status, 403)
    t.is((await asks[0]?.(client, token, wrongPassword))?.status, 403)
    for (const sendPassword of asks) t.is((await sendPassword(client, token, password)).status, 429)
    t.is((await routes['change-email']?.(client, second, password))?.status, 202)
    t.is((await loginFrom(client, email, password)).status, 200, 'the login is not affected')
  })
}
