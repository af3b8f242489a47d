import test from 'ava'
import { anAccount, password } from '../../fixtures.ts'
import { type HttpRequest, openPools, sendSimultaneously } from '../../simultaneous.ts'
import { openWorld } from '../../world.ts'
import { adminActions, anAdmin, usersPath } from './admin-account.ts'

const world = await openWorld()
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

type Who = { userId: string; access: string }
type Act = (by: Who, on: Who) => Promise<{ status: number; code: string | null }>

const acts: Record<string, Act> = {
  demote: async (by, on) =>
    outcome(await adminActions(world.client, by.access).change(on.userId, { roles: ['user'] })),
  deactivate: async (by, on) =>
    outcome(await adminActions(world.client, by.access).change(on.userId, { is_active: false })),
  delete: async (by, on) => outcome(await adminActions(world.client, by.access).remove(on.userId)),
}
const outcome = ({ status, body }: { status: number; body: { code?: string } | null }) => ({
  status,
  code: (status >= 400 && body?.code) || null,
})
const leave = async ({ access }: Who, given = password) =>
  outcome(await world.client.send('DELETE', 'me', { token: access, body: { password: given } }))

/** Nobody is an administrator. */
const noAdmins = () => world.sql(`UPDATE users SET roles = '{user}'`)
const openAdmins = async () =>
  (
    await world.sql<{ id: string }>(
      `SELECT id FROM users WHERE 'admin' = ANY(roles) AND is_active AND erase_after IS NULL`,
    )
  ).map(({ id }) => id)
const everything = async () => [
  await world.sql('SELECT * FROM users ORDER BY id'),
  await world.sql('SELECT * FROM emails ORDER BY id'),
  await world.sql('SELECT * FROM audit_events ORDER BY id'),
]

test.beforeEach(noAdmins)

for (const [name, act] of Object.entries(acts))
  test.serial(`the last administrator cannot ${name} themself`, async t => {
    const ada = await anAdmin(world)
    const before = await everything()
    t.deepEqual(await act(ada, ada), { status: 403, code: 'FORBIDDEN' })
    t.deepEqual(await everything(), before)
    t.is((await adminActions(other.client, ada.access).list()).status, 200, 'the session goes on')
  })

test.serial('the last administrator asks to be demoted or deleted → 403 whose detail says why', async t => {
  const ada = await anAdmin(world)
  const own = { token: ada.access, body: { password } }
  for (const { status, body } of [
    await adminActions(world.client, ada.access).change(ada.userId, { roles: ['user'] }),
    await adminActions(world.client, ada.access).remove(ada.userId),
    await world.client.send('DELETE', 'me', own),
  ]) {
    t.is(status, 403)
    t.regex(body.detail, /^This user is the last administrator/)
  }
})

test.serial('the last administrator cannot leave by the way of users either', async t => {
  const ada = await anAdmin(world)
  t.deepEqual(await leave(ada, 'wrong horse 10'), { status: 403, code: 'INVALID_CURRENT_PASSWORD' })
  const before = await everything()
  t.deepEqual(await leave(ada), { status: 403, code: 'FORBIDDEN' })
  t.deepEqual(await everything(), before, 'no mail, no event, no date of erasure')
  t.is((await adminActions(other.client, ada.access).list()).status, 200, 'the session goes on')

  const eve = await anAdmin(world)
  t.is((await leave(ada)).status, 204, 'with another one they may')
  t.deepEqual(await openAdmins(), [eve.userId])
})

test.serial('a user who is no administrator may always leave', async t => {
  const eve = await anAccount(world.client)
  t.is((await leave(eve)).status, 204, 'also where there is no administrator at all')
})

test.serial('one who is deactivated or waits to be erased does not count as another', async t => {
  const ada = await anAdmin(world)
  const [idle, gone] = [await anAdmin(world), await anAdmin(world)]
  await world.sql('UPDATE users SET is_active = false WHERE id = $1', [idle.userId])
  await world.sql(`UPDATE users SET erase_after = now() + interval '1 day' WHERE id = $1`, [gone.userId])
  for (const act of Object.values(acts)) t.is((await act(ada, ada)).code, 'FORBIDDEN')
  t.is((await leave(ada)).code, 'FORBIDDEN')
  // Those two may go: they were none.
  for (const who of [idle, gone]) t.is((await acts.demote?.(ada, who))?.status, 200)
  t.deepEqual(await openAdmins(), [ada.userId])
})

test.serial('a change that keeps the role is none that takes it', async t => {
  const ada = await anAdmin(world)
  const { change } = adminActions(world.client, ada.access)
  t.is((await change(ada.userId, { roles: ['admin', 'user'], is_active: true })).status, 200)
  t.is((await change(ada.userId, { roles: ['user', 'admin'], is_active: false })).status, 403)
  t.is((await change(ada.userId, { roles: ['user'], is_active: true })).status, 403)
  t.deepEqual(await openAdmins(), [ada.userId])
})

const requests: Record<string, (by: Who, on: Who) => HttpRequest> = {
  demote: (by, on) => ({ ...requestAt(by, on), method: 'PATCH', body: { roles: ['user'] } }),
  deactivate: (by, on) => ({ ...requestAt(by, on), method: 'PATCH', body: { is_active: false } }),
  delete: (by, on) => ({ ...requestAt(by, on), method: 'DELETE' }),
}
const requestAt = (by: Who, on: Who): HttpRequest => ({ path: `${usersPath}/${on.userId}`, token: by.access })
const leaving = ({ access: token }: Who): HttpRequest => ({
  method: 'DELETE',
  path: 'me',
  token,
  body: { password },
})
const urls = [world.url, other.url]
const refusals = ['FORBIDDEN', 'SESSION_REVOKED']

for (const [name, act] of Object.entries(requests))
  test.serial(`of two administrators who ${name} each other at once one is left`, async t => {
    for (let round = 0; round < 5; round++) {
      await noAdmins()
      const [ada, eve] = [await anAdmin(world), await anAdmin(world)]
      // Pairs of the same, so that each of the two acts at each instance.
      const acts = Array.from({ length: 8 }, (_, i) => ((i + round) & 2 ? act(ada, eve) : act(eve, ada)))
      const replies = await sendSimultaneously(urls, acts)
      const done = acts.filter((_, i) => (replies[i]?.status ?? 500) < 300)
      t.is(new Set(done.map(({ path }) => path)).size, 1)
      for (const { status, body } of replies)
        t.true(status < 300 || refusals.includes(body.code), `${status} ${body?.code}`)
      t.deepEqual(await openAdmins(), [done[0]?.token === ada.access ? ada.userId : eve.userId])
    }
  })

test.serial('of six administrators who remove each other in a ring at once one is left', async t => {
  for (const act of Object.values(requests)) {
    await noAdmins()
    const ring: Who[] = []
    while (ring.length < 6) ring.push(await anAdmin(world))
    const replies = await sendSimultaneously(
      urls,
      ring.map((by, i) => act(by, ring[(i + 1) % ring.length] ?? by)),
    )
    for (const { status, body } of replies) t.true(status < 300 || refusals.includes(body.code))
    const left = (await openAdmins()).length
    t.true(left >= 1)
    t.is(left, 6 - replies.filter(({ status }) => status < 300).length)
  }
})

test.serial('of two administrators who leave, or are made to, at once one is left', async t => {
  const ways = [...Object.values(requests).map(act => (who: Who) => act(who, who)), leaving]
  for (const way of ways)
    for (let round = 0; round < 3; round++) {
      await noAdmins()
      const [ada, eve] = [await anAdmin(world), await anAdmin(world)]
      const replies = await sendSimultaneously(urls, [leaving(ada), way(eve)])
      t.is(replies.filter(({ status }) => status < 300).length, 1)
      t.is(replies.find(({ status }) => status >= 300)?.body.code, 'FORBIDDEN')
      t.is((await openAdmins()).length, 1)
    }
})
