import test from 'ava'
import { anAccount, password } from '../../fixtures.ts'
import { type HttpRequest, openPools, sendSimultaneously } from '../../simultaneous.ts'
import { openWorld } from '../../world.ts'
import { adminActions, anAdmin, usersPath } from './admin-account.ts'

const world = await openWorld()
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

type Admin = { userId: string; access: string }
type Action = (by: Admin, on: Admin) => Promise<{ status: number; code: string | null }>

const acts: Record<string, Action> = {
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
const deleteOwnAccount = async ({ access }: Admin, given = password) =>
  outcome(await world.client.send('DELETE', 'me', { token: access, body: { password: given } }))

/** Takes the role from all administrators. */
const noAdmins = () => world.sql(`UPDATE users SET roles = '{user}'`)
const activeAdmins = async () =>
  (
    await world.sql<{ id: string }>(
      `SELECT id FROM users WHERE 'admin' = ANY(roles) AND is_active AND erase_after IS NULL`,
    )
  ).map(({ id }) => id)
const allRows = async () => [
  await world.sql('SELECT * FROM users ORDER BY id'),
  await world.sql('SELECT * FROM emails ORDER BY id'),
  await world.sql('SELECT * FROM audit_events ORDER BY id'),
]

test.beforeEach(noAdmins)

for (const [name, act] of Object.entries(acts))
  test.serial(`${name}: the last administrator does it to the own account → 403`, async t => {
    const ada = await anAdmin(world)
    const before = await allRows()
    t.deepEqual(await act(ada, ada), { status: 403, code: 'FORBIDDEN' })
    t.deepEqual(await allRows(), before)
    t.is((await adminActions(other.client, ada.access).list()).status, 200, 'the session stays valid')
  })

test.serial(
  'the last administrator demotes or deletes the own account → 403, and detail says why',
  async t => {
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
  },
)

test.serial('the last administrator deletes the own account as a user → 403; one of two → 204', async t => {
  const ada = await anAdmin(world)
  t.deepEqual(await deleteOwnAccount(ada, 'wrong horse 10'), {
    status: 403,
    code: 'INVALID_CURRENT_PASSWORD',
  })
  const before = await allRows()
  t.deepEqual(await deleteOwnAccount(ada), { status: 403, code: 'FORBIDDEN' })
  t.deepEqual(await allRows(), before, 'no email, no event, no erasure date')
  t.is((await adminActions(other.client, ada.access).list()).status, 200, 'the session stays valid')

  const eve = await anAdmin(world)
  t.is((await deleteOwnAccount(ada)).status, 204, 'with a second administrator')
  t.deepEqual(await activeAdmins(), [eve.userId])
})

test.serial('a user without the admin role deletes the own account → 204', async t => {
  const eve = await anAccount(world.client)
  t.is((await deleteOwnAccount(eve)).status, 204, 'also if there is no administrator')
})

test.serial('a deactivated or deleted administrator does not count as another one → 403', async t => {
  const ada = await anAdmin(world)
  const [deactivated, deleted] = [await anAdmin(world), await anAdmin(world)]
  await world.sql('UPDATE users SET is_active = false WHERE id = $1', [deactivated.userId])
  await world.sql(`UPDATE users SET erase_after = now() + interval '1 day' WHERE id = $1`, [deleted.userId])
  for (const act of Object.values(acts)) t.is((await act(ada, ada)).code, 'FORBIDDEN')
  t.is((await deleteOwnAccount(ada)).code, 'FORBIDDEN')
  // These two do not count, so they can be demoted.
  for (const admin of [deactivated, deleted]) t.is((await acts.demote?.(ada, admin))?.status, 200)
  t.deepEqual(await activeAdmins(), [ada.userId])
})

test.serial(
  'the last administrator changes the own account → 200 only if role and activation stay',
  async t => {
    const ada = await anAdmin(world)
    const { change } = adminActions(world.client, ada.access)
    t.is((await change(ada.userId, { roles: ['admin', 'user'], is_active: true })).status, 200)
    t.is((await change(ada.userId, { roles: ['user', 'admin'], is_active: false })).status, 403)
    t.is((await change(ada.userId, { roles: ['user'], is_active: true })).status, 403)
    t.deepEqual(await activeAdmins(), [ada.userId])
  },
)

const requests: Record<string, (by: Admin, on: Admin) => HttpRequest> = {
  demote: (by, on) => ({ ...requestAt(by, on), method: 'PATCH', body: { roles: ['user'] } }),
  deactivate: (by, on) => ({ ...requestAt(by, on), method: 'PATCH', body: { is_active: false } }),
  delete: (by, on) => ({ ...requestAt(by, on), method: 'DELETE' }),
}
const requestAt = (by: Admin, on: Admin): HttpRequest => ({
  path: `${usersPath}/${on.userId}`,
  token: by.access,
})
const deleteOwnRequest = ({ access: token }: Admin): HttpRequest => ({
  method: 'DELETE',
  path: 'me',
  token,
  body: { password },
})
const urls = [world.url, other.url]
const refusals = ['FORBIDDEN', 'SESSION_REVOKED']

for (const [name, act] of Object.entries(requests))
  test.serial(`${name}: two administrators do it to each other at once → one remains`, async t => {
    for (let round = 0; round < 5; round++) {
      await noAdmins()
      const [ada, eve] = [await anAdmin(world), await anAdmin(world)]
      // Requests alternate between the instances. In pairs, each administrator reaches both instances.
      const acts = Array.from({ length: 8 }, (_, i) => ((i + round) & 2 ? act(ada, eve) : act(eve, ada)))
      const replies = await sendSimultaneously(urls, acts)
      const done = acts.filter((_, i) => (replies[i]?.status ?? 500) < 300)
      t.is(new Set(done.map(({ path }) => path)).size, 1)
      for (const { status, body } of replies)
        t.true(status < 300 || refusals.includes(body.code), `${status} ${body?.code}`)
      t.deepEqual(await activeAdmins(), [done[0]?.token === ada.access ? ada.userId : eve.userId])
    }
  })

test.serial('six administrators remove each other in a ring at once → at least one remains', async t => {
  for (const act of Object.values(requests)) {
    await noAdmins()
    const ring: Admin[] = []
    while (ring.length < 6) ring.push(await anAdmin(world))
    const replies = await sendSimultaneously(
      urls,
      ring.map((by, i) => act(by, ring[(i + 1) % ring.length] ?? by)),
    )
    for (const { status, body } of replies) t.true(status < 300 || refusals.includes(body.code))
    const left = (await activeAdmins()).length
    t.true(left >= 1)
    t.is(left, 6 - replies.filter(({ status }) => status < 300).length)
  }
})

test.serial('two administrators lose the role at once, in any way → one remains', async t => {
  const removals = [
    ...Object.values(requests).map(act => (admin: Admin) => act(admin, admin)),
    deleteOwnRequest,
  ]
  for (const removal of removals)
    for (let round = 0; round < 3; round++) {
      await noAdmins()
      const [ada, eve] = [await anAdmin(world), await anAdmin(world)]
      const replies = await sendSimultaneously(urls, [deleteOwnRequest(ada), removal(eve)])
      t.is(replies.filter(({ status }) => status < 300).length, 1)
      t.is(replies.find(({ status }) => status >= 300)?.body.code, 'FORBIDDEN')
      t.is((await activeAdmins()).length, 1)
    }
})
