import test from 'ava'
import { openPools, volley } from '../volley.ts'
import { openWorld } from '../world.ts'
import { aForgetful, another } from './forgetful.ts'

// A link or a code that resets a password does so once: also with both, in parallel, at two instances.

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const noticesTo = (email: string) =>
  world.sql(`SELECT 1 FROM emails WHERE recipient = $1 AND kind = 'password_changed'`, [email])

for (const [first, second] of [
  ['token', 'token'],
  ['token', 'code'],
  ['code', 'token'],
  ['code', 'code'],
] as const)
  test(`after the ${first} of a mail its ${second} is worth nothing`, async t => {
    const { email, reset } = await aForgetful(world)
    const bodies = { token: { token: reset.token }, code: { email, code: reset.code } }
    const body = { ...bodies[first], new_password: another }
    t.is((await world.client.post('reset-password', body)).status, 204)
    const again = { ...bodies[second], new_password: 'yet another 5 words' }
    const reply = await other.client.post('reset-password', again)
    t.is(reply.status, 401)
    t.is(reply.body.code, 'INVALID_TOKEN')
    t.is((await world.client.post('login', { email, password: another })).status, 200)
    t.is((await noticesTo(email)).length, 1)
  })

for (const [way, byCode] of [
  ['by token', () => false],
  ['by code', () => true],
  ['by either', i => i % 7 > 3],
] as [string, (i: number) => boolean][])
  test.serial(
    `of forty at once at two instances, ${way}, one wins, its password alone stands, and one mail tells of it`,
    async t => {
      const { email, userId, access, reset } = await aForgetful(world)
      const epoch = async () => {
        const [row] = await world.sql<{ session_epoch: number }>('SELECT * FROM users WHERE id = $1', [
          userId,
        ])
        return Number(row?.session_epoch)
      }
      const before = await epoch()
      const passwords = Array.from({ length: 40 }, (_, i) => `a new phrase number ${i}`)
      const replies = await volley(
        [world.url, other.url],
        passwords.map((new_password, i) => ({
          path: 'reset-password',
          body: { ...(byCode(i) ? { email, code: reset.code } : { token: reset.token }), new_password },
        })),
      )
      const statuses = replies.map(({ status }) => status)
      t.deepEqual([...statuses].sort(), [204, ...Array(39).fill(401)])
      const won = passwords[statuses.indexOf(204)]
      for (const password of passwords)
        t.is((await world.client.post('login', { email, password })).status, password === won ? 200 : 401)
      t.is((await noticesTo(email)).length, 1)
      t.is(await epoch(), before + 1)
      t.is((await other.client.get('me', { token: access })).status, 401)
    },
  )

test('what Postgres calls spent is spent, whatever Redis says', async t => {
  const { email, password, reset } = await aForgetful(world)
  await world.sql(
    `UPDATE emails SET proof_spent_at = now() WHERE recipient = $1 AND kind = 'reset_password'`,
    [email],
  )
  const body = { token: reset.token, new_password: another }
  t.is((await world.client.post('reset-password', body)).status, 401)
  t.is((await world.client.post('login', { email, password })).status, 200)
})

test('a weak new password is refused with the rule, and spends neither token nor session', async t => {
  const { email, access, password, reset } = await aForgetful(world, { full_name: 'Ada King Lovelace 1' })
  const weak: [string, string][] = [
    ['zq9', 'too_short'],
    ['only letters here', 'needs_digit'],
    ['1234567890', 'needs_letter'],
    ['password1', 'too_common'],
    [email, 'same_as_email'],
    ['ada king lovelace 1', 'same_as_name'],
  ]
  for (const [new_password, rule] of weak) {
    const { status, body, text } = await world.client.post('reset-password', {
      token: reset.token,
      new_password,
    })
    t.is(status, 400)
    t.is(body.code, 'VALIDATION_ERROR')
    t.like(body.errors[0], { path: 'new_password', rule })
    t.false(text.includes(new_password))
  }
  t.is((await world.client.get('me', { token: access })).status, 200)
  t.is((await world.client.post('login', { email, password })).status, 200)
  const byCode = { email, code: reset.code }
  t.is((await world.client.post('reset-password', { ...byCode, new_password: 'a1' })).status, 400)
  t.is((await world.client.post('reset-password', { ...byCode, new_password: another })).status, 204)
})

test('a token that is none is told before the password is judged', async t => {
  const body = { token: `lkp_${'A'.repeat(64)}`, new_password: 'a1' }
  t.is((await world.client.post('reset-password', body)).status, 401)
})

test('a link resets the account at the address that it was sent to, and at no later one', async t => {
  const { email, userId, reset } = await aForgetful(world)
  await world.sql('UPDATE users SET email = $2 WHERE id = $1', [userId, `new-${email}`])
  const body = { token: reset.token, new_password: another }
  t.is((await world.client.post('reset-password', body)).status, 401)
})

test('the token of one account does not open another with the id changed', async t => {
  const [mine, yours] = [await aForgetful(world), await aForgetful(world)]
  const bytes = (token: string) => Buffer.from(token.slice(4), 'base64url')
  const forged = Buffer.concat([
    bytes(yours.reset.token).subarray(0, 16),
    bytes(mine.reset.token).subarray(16),
  ])
  const token = `lkp_${forged.toString('base64url')}`
  t.is((await world.client.post('reset-password', { token, new_password: another })).status, 401)
  const byCode = { email: yours.email, code: mine.reset.code, new_password: another }
  t.is((await world.client.post('reset-password', byCode)).status, 401)
})
