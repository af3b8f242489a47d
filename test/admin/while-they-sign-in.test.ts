import test from 'ava'
import type { Reply } from '../client.ts'
import { type Account, anAccount, password } from '../make.ts'
import { openPools, type Shot, volley } from '../volley.ts'
import { openWorld } from '../world.ts'
import { anAdmin, users } from './an-admin.ts'

// What an administrator does to somebody who signs in, or goes on, at that very moment: no session of before stands.

const world = await openWorld()
const other = await world.instance()
await openPools(world, other)
const ada = await anAdmin(world)
test.after.always(() => world[Symbol.asyncDispose]())

const { client, sql } = world
const urls = [world.url, other.url]

type Act = { shot: (userId: string) => Shot; status: number; isClosed: boolean }
const act = (body: unknown): Act['shot'] => {
  const method = body === undefined ? 'DELETE' : 'PATCH'
  return userId => ({ method, path: `${users}/${userId}`, token: ada.access, body })
}
const acts: Record<string, Act> = {
  deactivates: { shot: act({ is_active: false }), status: 200, isClosed: true },
  demotes: { shot: act({ roles: ['user'] }), status: 200, isClosed: false },
  deletes: { shot: act(undefined), status: 204, isClosed: true },
}

const epochOf = async ({ userId }: Account) =>
  (await sql<{ session_epoch: number }>('SELECT session_epoch FROM users WHERE id = $1', [userId]))[0]
    ?.session_epoch

const begun = (replies: Reply[]) => replies.filter(({ status }) => status === 200).map(({ body }) => body)

/** Who a token opens the account for, and with which roles; null where it opens nothing. */
const opens = async (token: string): Promise<string[] | null> => {
  const asked = [await client.get('me', { token }), await other.client.get('me', { token })]
  const [first] = asked
  return asked.every(({ status }) => status === 200) ? (first?.body.roles ?? null) : null
}

for (const [name, { shot, status, isClosed }] of Object.entries(acts))
  test.serial(
    `no session of before stands once an administrator ${name} who signs in and refreshes`,
    async t => {
      for (const at of [0, 4, 8, 12, 16]) {
        const account = await anAdmin(world)
        const { email, refresh } = account
        const before = Number(await epochOf(account))
        const shots = Array.from(
          { length: 16 },
          (_, i): Shot =>
            i % 4 < 2
              ? { path: 'login', body: { email, password } }
              : { path: 'refresh', body: { refresh_token: refresh } },
        )
        const order = at % 8 ? urls : [...urls].reverse()
        const replies = await volley(order, shots.toSpliced(at, 0, shot(account.userId)))
        const [done] = replies.splice(at, 1)
        t.is(done?.status, status)
        t.true(replies.every(({ status }) => [200, 401, 403].includes(status)))
        t.is(Number(await epochOf(account)), before + 1)

        t.is(await opens(account.access), null)
        t.is((await client.post('refresh', { refresh_token: refresh })).status, 401)
        for (const { access_token, refresh_token } of begun(replies)) {
          const roles = await opens(access_token)
          // A login that came after the demotion is that of a user.
          t.true(roles === null || (!isClosed && roles.join() === 'user'), `${roles}`)
          const onward = await other.client.post('refresh', { refresh_token })
          t.is(onward.status === 200, roles !== null)
        }
        const again = await client.post('login', { email, password })
        t.is(again.body.code ?? again.status, isClosed ? 'ACCOUNT_DEACTIVATED' : 200)
      }
    },
  )

test.serial('what a demoted administrator asks for at that moment is done before, or not at all', async t => {
  for (const at of [0, 3, 6, 9, 12]) {
    const eve = await anAdmin(world)
    const marks = await Promise.all(Array.from({ length: 12 }, () => anAccount(client)))
    const shots: Shot[] = marks.map(({ userId }) => ({
      method: 'PATCH',
      path: `${users}/${userId}`,
      token: eve.access,
      body: { is_active: false },
    }))
    const demote = acts.demotes?.shot(eve.userId) ?? { path: '' }
    const replies = await volley(urls, shots.toSpliced(at, 0, demote))
    t.is(replies.splice(at, 1)[0]?.status, 200)
    for (const [i, { status, body }] of replies.entries()) {
      t.true(status === 200 || ['FORBIDDEN', 'SESSION_REVOKED'].includes(body.code), `${status}`)
      const [row] = await sql<{ is_active: boolean }>('SELECT is_active FROM users WHERE id = $1', [
        marks[i]?.userId,
      ])
      t.is(row?.is_active, status !== 200)
    }
  }
})
