import test from 'ava'
import { strangers } from '../../src/attempts/rules.ts'
import { dropKeys, keysOf } from '../every-key.ts'
import { anEmail, password, tokenOf } from '../make.ts'
import { another, askReset } from '../passwords/forgetful.ts'
import { openWorld, until } from '../world.ts'
import { aPlace, guess, loginFrom, wrong } from './stranger.ts'

// Wrong passwords in a row close a password (NIST SP 800-63B-4, section 3.2.2); strangers must not close an owner's door.

const env = { RATE_LIMITS: 'mail=1000/1h,mail_ip=1000/1h,anonymous=9999/15m', TRUSTED_PROXIES: '1' }
const world = await openWorld({ worker: true, env })
test.after.always(() => world[Symbol.asyncDispose]())

const { client, clock, deps, sql } = world

/** Somebody who signed in from home before. */
const anOwner = async () => {
  const [email, home] = [anEmail(), aPlace()]
  const { body } = await client.post('register', { email, password }, { headers: home })
  return { email, home, userId: body.user.id as string, token: body.access_token as string }
}

/** Strangers try until nothing of theirs is looked at any more, whatever the waits. */
const close = async (email: string): Promise<void> => {
  for (let i = 0; i < 100; i++) {
    const { status } = await loginFrom(client, email, `${wrong}${i}`)
    if (status !== 401) throw new Error(`guess ${i} was answered ${status}`)
    if (i >= 4) clock.shift += 3_600_001
    // Longer than a day may pass before the next.
    if (i === 50) clock.shift += 2 * 86_400_000
  }
}

const closings = (userId: string) =>
  sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'password.closed'`, [userId])

test.serial('a hundred in a row close the password to strangers, and a reset opens it', async t => {
  const { email, home, userId } = await anOwner()
  await close(email)
  const shut = await loginFrom(client, email, password)
  t.is(shut.status, 401)
  t.is(shut.body.code, 'INVALID_CREDENTIALS', 'in the words of a wrong password')
  t.is((await closings(userId)).length, 1)

  t.is((await loginFrom(client, email, password, home)).status, 200, 'the owner signs in from home')
  clock.shift += 3_600_001
  t.is((await loginFrom(client, email, password)).status, 401, 'and strangers stay out')
  t.is((await closings(userId)).length, 1)

  // The link of a mail that was asked for a week ago would be dead.
  clock.shift = 0
  const reset = await askReset(world, email)
  const done = await client.post('reset-password', { token: reset.token, new_password: another })
  t.is(done.status, 204)
  t.is((await loginFrom(client, email, another)).status, 200)
})

test.serial('a Redis that forgets everything does not open it', async t => {
  const { email, userId } = await anOwner()
  await close(email)
  await dropKeys(deps.redis, [deps.keys.attempts(strangers(email).of), deps.keys.seen(userId)])
  t.is((await loginFrom(client, email, password)).status, 401)
  t.is((await loginFrom(client, email, password)).status, 401)
})

test.serial('strangers who wait do not hold up the owner, whose own guesses count apart', async t => {
  const { email, home } = await anOwner()
  await guess(client, email, 5)
  t.is((await loginFrom(client, email, password)).status, 429)
  t.is((await loginFrom(client, email, password, home)).status, 200)
  for (let i = 0; i < 5; i++) t.is((await loginFrom(client, email, `${wrong}${i}`, home)).status, 401)
  const held = await loginFrom(client, email, password, home)
  t.is(held.status, 429)
  t.true(Number(held.headers.get('retry-after')) <= 30)
  clock.shift += 31_000
  t.is((await loginFrom(client, email, password)).status, 200, 'strangers had their own')
})

test.serial('a device that guessed a hundred times is shut out, as a stranger is', async t => {
  const { email, home, userId } = await anOwner()
  for (let i = 0; i < 100; i++) {
    // An address may try ten times in a quarter of an hour, whatever account it is.
    await dropKeys(deps.redis, await keysOf(deps.redis, `${deps.keys.limit('login')}*`))
    t.is((await loginFrom(client, email, `${wrong}${i}`, home)).status, 401)
    clock.shift += 3_600_001
  }
  await dropKeys(deps.redis, await keysOf(deps.redis, `${deps.keys.limit('login')}*`))
  t.is((await loginFrom(client, email, password, home)).status, 401)
  t.is((await closings(userId)).length, 0)
  t.is((await loginFrom(client, email, password)).status, 200, 'others still sign in')
})

test.serial(
  'after a reset the device of a thief is a stranger’s, and its next login is told by mail',
  async t => {
    clock.shift = 0
    const { email, userId } = await anOwner()
    const thief = aPlace()
    t.is((await loginFrom(client, email, password, thief)).status, 200)
    const notices = () => sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'new_device'`, [userId])
    const before = (await notices()).length
    t.is((await client.post('forgot-password', { email })).status, 202)
    const { link } = await until('the mail that resets', () =>
      world.mails.caught.find(mail => mail.to.includes(email) && mail.link.includes('/reset-password')),
    )
    t.is((await client.post('reset-password', { token: tokenOf(link), new_password: another })).status, 204)
    await sql('UPDATE users SET failed_logins = 100 WHERE id = $1', [userId])
    t.is((await loginFrom(client, email, another, thief)).status, 401)
    await sql('UPDATE users SET failed_logins = 0 WHERE id = $1', [userId])
    t.is((await loginFrom(client, email, another, thief)).status, 200)
    t.is((await notices()).length, before + 1)
  },
)

test.serial('asking for a reset never closes or opens anything', async t => {
  const { email } = await anOwner()
  for (let i = 0; i < 12; i++) t.is((await client.post('forgot-password', { email })).status, 202)
  t.is((await loginFrom(client, email, password)).status, 200)
  await guess(client, email, 5)
  t.is((await client.post('forgot-password', { email })).status, 202)
  t.is((await loginFrom(client, email, password)).status, 429)
})

test.serial('of an address that nobody has nothing is kept but for a day', async t => {
  const email = anEmail()
  await guess(client, email, 5)
  t.is((await sql('SELECT 1 FROM users WHERE email = $1', [email])).length, 0)
  const rows = await sql<{ user_id: string | null }>(
    `SELECT user_id FROM audit_events WHERE type = 'login.failed' ORDER BY id DESC LIMIT 5`,
  )
  t.true(rows.every(({ user_id }) => user_id === null))
})
