import anyTest from 'ava'
import { strangers } from '../../../src/features/lockout/rules.ts'
import type { Client, Reply } from '../../client.ts'
import { anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { newPassword, requestResetMail } from '../passwords/user-with-reset-mail.ts'
import { aDevice, guessPasswords, loginFrom, wrongPassword } from './unknown-devices.ts'

// Guesses close a password to unknown devices, and lock no owner out.

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
  // Wrong passwords in a row close a password (NIST SP 800-63B-4, section 3.2.2); strangers must not close an owner's door.

  const { client, clock, travel, sql } = world

  /** Somebody who signed in from home before. */
  const anOwner = async () => {
    const [email, home] = [anEmail(), aDevice()]
    const { body } = await client.post('register', { email, password }, { headers: home })
    return { email, home, userId: body.user.id as string, token: body.access_token as string }
  }

  /** Strangers try until nothing of theirs is looked at any more, whatever the waits. */
  const close = async (email: string): Promise<void> => {
    for (let i = 0; i < 100; i++) {
      const { status } = await loginFrom(client, email, `${wrongPassword}${i}`)
      if (status !== 401) throw new Error(`guess ${i} was answered ${status}`)
      if (i >= 4) await travel(clock.shift + 3_600_001)
      // Longer than a day may pass before the next.
      if (i === 50) await travel(clock.shift + 2 * 86_400_000)
    }
  }

  const closings = (userId: string) =>
    sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'password.closed'`, [userId])

  test('a hundred in a row close the password to strangers, and a reset opens it', async t => {
    const { email, home, userId } = await anOwner()
    await close(email)
    const shut = await loginFrom(client, email, password)
    t.is(shut.status, 401)
    t.is(shut.body.code, 'INVALID_CREDENTIALS', 'in the words of a wrong password')
    t.is((await closings(userId)).length, 1)

    t.is((await loginFrom(client, email, password, home)).status, 200, 'the owner signs in from home')
    await travel(clock.shift + 3_600_001)
    t.is((await loginFrom(client, email, password)).status, 401, 'and strangers stay out')
    t.is((await closings(userId)).length, 1)

    // The link of a mail that was asked for a week ago would be dead.
    await travel(0)
    const reset = await requestResetMail(world, email)
    const done = await client.post('reset-password', { token: reset.token, new_password: newPassword })
    t.is(done.status, 204)
    t.is((await loginFrom(client, email, newPassword)).status, 200)
  })

  test('a Redis that forgets everything does not open it', async t => {
    const { email, userId } = await anOwner()
    await close(email)
    await world.dropKeys([world.keys.attempts(strangers(email).of), world.keys.seen(userId)])
    t.is((await loginFrom(client, email, password)).status, 401)
    t.is((await loginFrom(client, email, password)).status, 401)
  })

  test('strangers who wait do not hold up the owner, whose own guesses count apart', async t => {
    const { email, home } = await anOwner()
    await guessPasswords(client, email, 5)
    t.is((await loginFrom(client, email, password)).status, 429)
    t.is((await loginFrom(client, email, password, home)).status, 200)
    for (let i = 0; i < 5; i++)
      t.is((await loginFrom(client, email, `${wrongPassword}${i}`, home)).status, 401)
    const held = await loginFrom(client, email, password, home)
    t.is(held.status, 429)
    t.true(Number(held.headers.get('retry-after')) <= 30)
    await travel(clock.shift + 31_000)
    t.is((await loginFrom(client, email, password)).status, 200, 'strangers had their own')
  })

  test('a device that guessed a hundred times is shut out, as a stranger is', async t => {
    const { email, home, userId } = await anOwner()
    for (let i = 0; i < 100; i++) {
      // An address may try ten times in a quarter of an hour, whatever account it is.
      await world.dropKeys(await world.keysLike(`${world.keys.limit('login')}*`))
      t.is((await loginFrom(client, email, `${wrongPassword}${i}`, home)).status, 401)
      await travel(clock.shift + 3_600_001)
    }
    await world.dropKeys(await world.keysLike(`${world.keys.limit('login')}*`))
    t.is((await loginFrom(client, email, password, home)).status, 401)
    t.is((await closings(userId)).length, 0)
    t.is((await loginFrom(client, email, password)).status, 200, 'others still sign in')
  })

  test('after a reset the device of a thief is a stranger’s, and its next login is told by mail', async t => {
    await travel(0)
    const { email, userId } = await anOwner()
    const thief = aDevice()
    t.is((await loginFrom(client, email, password, thief)).status, 200)
    const notices = () => sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'new_device'`, [userId])
    const before = (await notices()).length
    t.is((await client.post('forgot-password', { email })).status, 202)
    const { link } = await world.mails.to(email, 1, '/reset-password')
    t.is(
      (await client.post('reset-password', { token: tokenOf(link), new_password: newPassword })).status,
      204,
    )
    await sql('UPDATE users SET failed_logins = 100 WHERE id = $1', [userId])
    t.is((await loginFrom(client, email, newPassword, thief)).status, 401)
    await sql('UPDATE users SET failed_logins = 0 WHERE id = $1', [userId])
    t.is((await loginFrom(client, email, newPassword, thief)).status, 200)
    t.is((await notices()).length, before + 1)
  })

  test('asking for a reset never closes or opens anything', async t => {
    const { email } = await anOwner()
    for (let i = 0; i < 12; i++) t.is((await client.post('forgot-password', { email })).status, 202)
    t.is((await loginFrom(client, email, password)).status, 200)
    await guessPasswords(client, email, 5)
    t.is((await client.post('forgot-password', { email })).status, 202)
    t.is((await loginFrom(client, email, password)).status, 429)
  })

  test('of an address that nobody has nothing is kept but for a day', async t => {
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
  // A stolen access token must not be a way round the waits: each route that asks for the password once more counts.

  const { client, clock, travel, sql } = world

  const anOwner = async () => {
    const email = anEmail()
    const { body } = await client.post('register', { email, password }, { headers: aDevice() })
    return { email, userId: body.user.id as string, token: body.access_token as string }
  }

  type Ask = (client: Client, token: string, given: string) => Promise<Reply>
  const send =
    (method: string, path: string, bodyOf: (given: string) => object): Ask =>
    (on, token, given) =>
      on.send(method, path, { token, body: bodyOf(given), headers: aDevice() })

  const routes: Record<string, Ask> = {
    'POST change-password': send('POST', 'change-password', given => ({
      current_password: given,
      new_password: 'another horse 10',
    })),
    'PUT change-password': send('PUT', 'change-password', given => ({
      current_password: given,
      new_password: 'another horse 10',
    })),
    'change-email': send('POST', 'change-email', given => ({
      current_password: given,
      new_email: anEmail(),
    })),
    'DELETE me': send('DELETE', 'me', given => ({ password: given })),
  }

  for (const [name, ask] of Object.entries(routes)) {
    test(`${name}: five wrong passwords are free, then the right one waits too`, async t => {
      const { userId, token } = await anOwner()
      for (let i = 0; i < 5; i++) t.is((await ask(client, token, `${wrongPassword}${i}`)).status, 403)
      const held = await ask(client, token, password)
      t.is(held.status, 429)
      t.true(Number(held.headers.get('retry-after')) <= 30)
      const refused = `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'password.refused'`
      t.is((await sql(refused, [userId])).length, 5)
      await travel(clock.shift + 31_000)
      t.true([200, 202, 204].includes((await ask(client, token, password)).status))
    })

    test(`${name}: strangers who guess at the login do not hold it up`, async t => {
      const { email, token } = await anOwner()
      await guessPasswords(client, email, 6)
      t.true([200, 202, 204].includes((await ask(client, token, password)).status))
    })
  }

  test('all of them share one budget, and another session of the user has its own', async t => {
    const { email, token } = await anOwner()
    const second = (await loginFrom(client, email, password)).body.access_token as string
    const asks = Object.values(routes)
    for (const ask of asks) t.is((await ask(client, token, wrongPassword)).status, 403)
    t.is((await asks[0]?.(client, token, wrongPassword))?.status, 403)
    for (const ask of asks) t.is((await ask(client, token, password)).status, 429)
    t.is((await routes['change-email']?.(client, second, password))?.status, 202)
    t.is((await loginFrom(client, email, password)).status, 200, 'nor is the login held up')
  })
}
