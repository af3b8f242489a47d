import test from 'ava'
import { issueTokens } from '../../src/features/sessions/issue-tokens.ts'
import { firstSecret } from '../../src/features/sessions/refresh-token.ts'
import { findUser } from '../../src/features/users/store.ts'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { anApi, aWorker, clockOff } from '../chaos/processes.ts'
import type { Client } from '../client.ts'
import { type Account, anAccount, anEmail, password, tokenOf } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { kill } from '../spawn.ts'
import { until } from '../until.ts'

// Two instances over the same stores, one with a wrong clock. Shared decisions use the clocks of the stores. Only access
// tokens are checked against the clock of the instance that gets them.

const world = await openLocalWorld({ timeouts, singleRedis: true })
test.after.always(() => world[Symbol.asyncDispose]())

const { sql, deps } = world
const second = 1000
const minute = 60 * second
const names: Record<number, string> = {
  [8 * second]: '8 s ahead',
  [-8 * second]: '8 s behind',
  [30 * second]: '30 s ahead',
  [-30 * second]: '30 s behind',
  [10 * minute]: '10 min ahead',
  [-10 * minute]: '10 min behind',
}
const ttl = 15 * minute

const refresh = (client: Client, token: string) => client.post('refresh', { refresh_token: token })
const reused = async ({ userId }: Account) =>
  (await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [userId])).length

for (const [text, name] of Object.entries(names)) {
  const off = Number(text)

  test.serial(
    `an instance whose clock is ${name} → sessions continue at both, and ended ones stay ended`,
    async t => {
      const wrong = await anApi(world, clockOff(off))
      t.teardown(() => kill(wrong.child))
      const [right, skewed] = [world.client, wrong.client]
      const account = await anAccount(right)
      const key = deps.keys.session(account.userId, account.sessionId)

      // Each refresh token is presented to both instances. Both must answer with the same successor.
      let token = account.refresh
      for (const [first, then] of [
        [skewed, right],
        [right, skewed],
        [skewed, right],
      ] as const) {
        const [one, two] = [await refresh(first, token), await refresh(then, token)]
        t.deepEqual([one.status, two.status], [200, 200])
        t.is(one.body.refresh_token, two.body.refresh_token)
        t.is(
          (await first.get('me', { token: one.body.access_token })).status,
          200,
          'at the instance that issued it',
        )
        t.is((await then.get('me', { token: two.body.access_token })).status, 200)
        token = two.body.refresh_token
      }
      t.is(await reused(account), 0)
      const { body } = await refresh(skewed, token)
      t.true(Math.abs(body.refresh_expires_in - 7 * 86_400) <= 5, `${body.refresh_expires_in} s`)

      // The grace period after a rotation is measured by the clock of Redis.
      await deps.redis.hincrby(key, 'rotated_at', 5 * -second)
      t.is((await refresh(skewed, token)).status, 200, 'after five seconds')
      await deps.redis.hincrby(key, 'rotated_at', 6 * -second)
      const late = await anAccount(right)
      t.is((await refresh(skewed, token)).body.code, 'INVALID_REFRESH_TOKEN', 'after eleven')
      t.is(await reused(account), 1)

      // A session that ended is over on both instances.
      t.is((await right.post('logout', { refresh_token: late.refresh })).status, 204)
      t.is((await refresh(skewed, late.refresh)).status, 401)
      t.is((await skewed.get('me', { token: late.access })).status, 401)
    },
  )

  test.serial(
    `an instance whose clock is ${name} → access tokens expire early or late by its error plus 30 s`,
    async t => {
      const wrong = await anApi(world, clockOff(off))
      t.teardown(() => kill(wrong.child))
      const account = await anAccount(world.client)
      const user = await findUser(deps.reads, account.userId)
      if (!user) throw new Error('the user is missing')
      // A token of this age, issued by a correct clock.
      const statusAt = async (age: number): Promise<number> => {
        const { userId, sessionId } = account
        const refresh = { userId, sessionId, secret: firstSecret(), keys: deps.secrets.current }
        const audience = deps.config.PUBLIC_URL
        const issue = { user, token: refresh, audience, authTime: 0, amr: ['pwd'] as const, expiresIn: 0 }
        const { access_token: token } = issueTokens({ ...deps, clock: { shift: -age } }, issue)
        return (await wrong.client.get('me', { token })).status
      }
      // A clock ahead ends tokens early, a clock behind ends them late. A refresh works in both cases.
      t.is(await statusAt(ttl - off - minute), 200)
      t.is(await statusAt(ttl - off + 33 * second), 401)
      // A token that a correct clock issued just now.
      if (Math.abs(off) <= 8 * second) t.is(await statusAt(0), 200)
      const again = await refresh(wrong.client, account.refresh)
      t.is(again.status, 200)
      t.is((await wrong.client.get('me', { token: again.body.access_token })).status, 200)
    },
  )

  if (Math.abs(off) > minute)
    test.serial(
      `a worker whose clock is ${name} emails a link → the link is valid for an hour of the stores' clocks`,
      async t => {
        const { child } = await aWorker(world, clockOff(off))
        t.teardown(() => kill(child))
        const email = anEmail()
        await world.client.post('register', { email, password })
        await world.client.post('forgot-password', { email })
        const { link } = await until('the reset email', () =>
          world.mails.caught.find(({ to, mail }) => to.includes(email) && /reset/.test(mail.text ?? '')),
        )
        const rows = await sql<{ user_id: string }>('SELECT id AS user_id FROM users WHERE email = $1', [
          email,
        ])
        const left = await deps.redis.pttl(deps.keys.oneTimeToken(rows[0]?.user_id ?? '', 'reset_password'))
        t.true(left <= 60 * minute && left > 58 * minute, `${left / minute} minutes`)
        world.clock.shift = 61 * minute
        const token = tokenOf(link)
        t.is(
          (await world.client.post('reset-password', { token, new_password: 'a wholly new 7' })).status,
          401,
        )
        world.clock.shift = 57 * minute
        t.is(
          (await world.client.post('reset-password', { token, new_password: 'a wholly new 7' })).status,
          204,
        )
        world.clock.shift = 0
      },
    )
}
