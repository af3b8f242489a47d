import test from 'ava'
import type { Reply } from '../client.ts'
import { type Account, anEmail, password } from '../make.ts'
import { openPools, type Shot, statusesOf, times, volley } from '../volley.ts'
import { openWorld } from '../world.ts'
import { askMove, aVerified, eventsOf, linked, rowOf, settled } from './moving.ts'

// Moves of one account that arrive together, and the owner's way back beside what a thief does meanwhile.

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world
const urls = [world.url, other.url]

const by = (path: string, token: string): Shot => ({ path, body: { token } })
const noFault = (replies: Reply[]) =>
  replies.every(({ status }) => [200, 204, 401, 403, 409].includes(status))

/** An account that moved, with the link that takes the move back. */
const aMoved = async (): Promise<Account & { newEmail: string; undo: string }> => {
  const account = await aVerified(world)
  const newEmail = anEmail()
  const { token } = await askMove(world, account, newEmail)
  const { status } = await client.post('confirm-email', { token })
  if (status !== 200) throw new Error(`confirm-email answered ${status}`)
  const { token: undo } = await linked(world, account.email, 'undo-email-change')
  return { ...account, newEmail, undo }
}

test.serial('of two moves that are pending the account makes one, once, and it is the newest', async t => {
  for (let round = 0; round < 4; round++) {
    const account = await aVerified(world)
    const [first, second] = [anEmail(), anEmail()]
    const old = await askMove(world, account, first)
    const late = await askMove(world, account, second)
    const ways: Shot[] = [
      by('confirm-email', old.token),
      by('confirm-email', late.token),
      { path: 'confirm-email', body: { email: first, code: old.code } },
      { path: 'confirm-email', body: { email: second, code: late.code } },
    ]
    // In another order each time, so that each is at each instance.
    const shots = Array.from({ length: 6 }, (_, i) => [...ways.slice(i % 4), ...ways.slice(0, i % 4)]).flat()
    const replies = await volley(urls, shots)
    t.deepEqual(statusesOf(replies), { 200: 1, 401: 23 })
    t.is(replies.find(({ status }) => status === 200)?.body.email, second)
    t.is((await rowOf(world, account.userId)).email, second)
    t.is(await eventsOf(world, account.userId, 'email.changed'), 1)
    await settled(world)
    const told = await world.sql(`SELECT 1 FROM emails WHERE kind = 'email_changed' AND user_id = $1`, [
      account.userId,
    ])
    t.is(told.length, 1)
  }
})

test.serial('forty at once who take a move back do so once, and one mail offers a new password', async t => {
  const { userId, email, access, undo } = await aMoved()
  const replies = await volley(urls, times(40, by('undo-email-change', undo)))
  t.deepEqual(statusesOf(replies), { 200: 1, 401: 39 })
  t.like(await rowOf(world, userId), { email, password_hash: null })
  t.is(await eventsOf(world, userId, 'email.change_undone'), 1)
  t.is((await client.get('me', { token: access })).status, 401)
  await settled(world)
  const offers = await world.sql(`SELECT 1 FROM emails WHERE kind = 'reset_password' AND user_id = $1`, [
    userId,
  ])
  t.is(offers.length, 1)
})

test.serial(
  'the way back beside another move of the thief ends at the owner, whichever comes first',
  async t => {
    for (let round = 0; round < 5; round++) {
      const thief = await aMoved()
      const { token } = await askMove(world, thief, anEmail())
      const shots = times(9, () => by('confirm-email', token))
      const replies = await volley(urls, shots.toSpliced(round * 2, 0, by('undo-email-change', thief.undo)))
      t.true(noFault(replies))
      t.is(replies[round * 2]?.status, 200)
      t.like(await rowOf(world, thief.userId), {
        email: thief.email,
        email_verified: true,
        password_hash: null,
      })
      t.is((await client.post('confirm-email', { token })).status, 401)
      // A move that came first has mailed a way back of its own, to the thief: that one is worth nothing.
      await settled(world)
      const open = await world.sql(
        `SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'email_changed' AND proof_spent_at IS NULL`,
        [thief.userId],
      )
      t.is(open.length, 0)
    }
  },
)

test.serial(
  'the way back beside what the thief does with the password ends every session and it',
  async t => {
    for (let round = 0; round < 5; round++) {
      const thief = await aMoved()
      const { access, refresh, newEmail } = thief
      const next = 'a phrase of a thief 3'
      const change = { path: 'change-password', body: { current_password: password, new_password: next } }
      const shots: Shot[] = [
        { path: 'login', body: { email: newEmail, password } },
        { path: 'refresh', body: { refresh_token: refresh } },
        { ...change, token: access },
        { path: 'login', body: { email: newEmail, password } },
        { method: 'DELETE', path: 'me', body: { password }, token: access },
        { path: 'refresh', body: { refresh_token: refresh } },
      ]
      const at = round + 1
      const replies = await volley(urls, shots.toSpliced(at, 0, by('undo-email-change', thief.undo)))
      t.true(noFault(replies))
      t.is(replies[at]?.status, 200)
      t.like(await rowOf(world, thief.userId), { email: thief.email, password_hash: null, erase_after: null })
      for (const { body } of replies.filter(({ body }) => body?.access_token)) {
        t.is((await client.get('me', { token: body.access_token })).status, 401)
        t.is((await other.client.post('refresh', { refresh_token: body.refresh_token })).status, 401)
      }
      for (const email of [thief.email, newEmail])
        for (const word of [password, next])
          t.is((await client.post('login', { email, password: word })).status, 401)
    }
  },
)

test.serial('whoever registers the address that an owner comes back to does not keep them out', async t => {
  for (let round = 0; round < 4; round++) {
    const { userId, email, undo } = await aMoved()
    const shots = times(9, () => ({ path: 'register', body: { email, password: 'a phrase of a thief 3' } }))
    const replies = await volley(urls, shots.toSpliced(round * 3, 0, by('undo-email-change', undo)))
    t.true(replies.every(({ status }) => [200, 201, 409].includes(status)))
    // At the very moment the address may be taken; the link goes on working.
    if (replies[round * 3]?.status !== 200)
      t.is((await client.post('undo-email-change', { token: undo })).status, 200)
    t.like(await rowOf(world, userId), { email, email_verified: true })
    t.is((await world.sql('SELECT 1 FROM users WHERE email = $1', [email])).length, 1)
    for (const { body } of replies.filter(({ status }) => status === 201))
      t.is((await client.get('me', { token: body.access_token })).status, 401)
  }
})
