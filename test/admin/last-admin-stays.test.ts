import test from 'ava'
import { anAccount, password } from '../make.ts'
import { openWorld } from '../world.ts'
import { actsOf, anAdmin } from './an-admin.ts'

const world = await openWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

type Who = { userId: string; access: string }
type Act = (
  by: Who,
  on: Who,
  client?: typeof world.client,
) => Promise<{ status: number; code: string | null }>

const acts: Record<string, Act> = {
  demote: async (by, on, client = world.client) =>
    outcome(await actsOf(client, by.access).change(on.userId, { roles: ['user'] })),
  deactivate: async (by, on, client = world.client) =>
    outcome(await actsOf(client, by.access).change(on.userId, { is_active: false })),
  delete: async (by, on, client = world.client) => outcome(await actsOf(client, by.access).remove(on.userId)),
}
const outcome = ({ status, body }: { status: number; body: { code?: string } | null }) => ({
  status,
  code: (status >= 400 && body?.code) || null,
})
const leave = async ({ access }: Who, given = password, client = world.client) =>
  outcome(await client.send('DELETE', 'me', { token: access, body: { password: given } }))

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
    t.is((await actsOf(other.client, ada.access).list()).status, 200, 'the session goes on')
  })

test.serial('the last administrator cannot leave by the way of users either', async t => {
  const ada = await anAdmin(world)
  const before = await everything()
  t.deepEqual(await leave(ada, 'wrong horse 10'), { status: 403, code: 'INVALID_CURRENT_PASSWORD' })
  t.deepEqual(await leave(ada), { status: 403, code: 'FORBIDDEN' })
  t.deepEqual(await everything(), before, 'no mail, no event, no date of erasure')
  t.is((await actsOf(other.client, ada.access).list()).status, 200, 'the session goes on')

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
  const { change } = actsOf(world.client, ada.access)
  t.is((await change(ada.userId, { roles: ['admin', 'user'], is_active: true })).status, 200)
  t.is((await change(ada.userId, { roles: ['user', 'admin'], is_active: false })).status, 403)
  t.is((await change(ada.userId, { roles: ['user'], is_active: true })).status, 403)
  t.deepEqual(await openAdmins(), [ada.userId])
})

for (const [name, act] of Object.entries(acts))
  test.serial(`of two administrators who ${name} each other at once one is left`, async t => {
    for (let round = 0; round < 5; round++) {
      await noAdmins()
      const [ada, eve] = [await anAdmin(world), await anAdmin(world)]
      const [one, two] = await Promise.all([act(ada, eve, world.client), act(eve, ada, other.client)])
      const done = [one, two].filter(({ status }) => status < 300)
      t.is(done.length, 1, JSON.stringify([one, two]))
      t.deepEqual(await openAdmins(), [one.code === null ? ada.userId : eve.userId])
    }
  })

test.serial('of two administrators who leave, or are made to, at once one is left', async t => {
  const ways = [...Object.values(acts).map(act => (who: Who) => act(who, who, other.client)), leave]
  for (const way of ways)
    for (let round = 0; round < 3; round++) {
      await noAdmins()
      const [ada, eve] = [await anAdmin(world), await anAdmin(world)]
      const outcomes = await Promise.all([leave(ada), way(eve)])
      t.deepEqual(outcomes.map(({ code }) => code).sort(), ['FORBIDDEN', null].sort())
      t.is((await openAdmins()).length, 1)
    }
})
