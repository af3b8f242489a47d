import test from 'ava'
import { linked } from '../addresses/moving.ts'
import type { Reply } from '../client.ts'
import { type Account, anAccount, password } from '../make.ts'
import { openPools, type Shot, statusesOf, times, volley } from '../volley.ts'
import { openWorld } from '../world.ts'

// Somebody deletes their account while they, or somebody else, sign in, go on, or take the deletion back.

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const { client, sql } = world
const urls = [world.url, other.url]

const remove = ({ access }: Account): Shot => ({
  method: 'DELETE',
  path: 'me',
  token: access,
  body: { password },
})
const undoing = (token: string): Shot => ({ path: 'undo-deletion', body: { token } })
const loginOf = ({ email }: Account): Shot => ({ path: 'login', body: { email, password } })
const login = (account: Account) => client.post('login', { email: account.email, password })
const isDeleted = async ({ userId }: Account): Promise<boolean> =>
  (await sql('SELECT 1 FROM users WHERE id = $1 AND erase_after IS NOT NULL', [userId])).length === 1
const eventsOf = async ({ userId }: Account, type: string): Promise<number> =>
  (await sql('SELECT 1 FROM audit_events WHERE user_id = $1 AND type = $2', [userId, type])).length
const farewells = ({ userId }: Account) =>
  sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'account_deleted'`, [userId])
const undoLink = async ({ email }: Account, count = 1): Promise<string> =>
  (await linked(world, email, 'undo-deletion', count)).token

/** Fails unless nothing of these replies opens anything. */
const allDead = async (replies: Reply[]): Promise<boolean> => {
  const given = replies.map(({ body }) => body).filter(body => body?.access_token)
  for (const { access_token, refresh_token } of given) {
    const asked = [
      await client.get('me', { token: access_token }),
      await other.client.post('refresh', { refresh_token }),
    ]
    if (asked.some(({ status }) => status !== 401)) return false
  }
  return true
}

test.serial('of forty deletions at once one closes the account, and one mail tells of it', async t => {
  const account = await anAccount(client)
  const replies = await volley(urls, times(40, remove(account)))
  t.deepEqual(statusesOf(replies), { 204: 1, 401: 39 })
  t.true(replies.every(({ status, body }) => status === 204 || body.code === 'SESSION_REVOKED'))
  t.true(await isDeleted(account))
  t.is(await eventsOf(account, 'user.deleted'), 1)
  t.is((await farewells(account)).length, 1)
})

test.serial('a login or a refresh that arrives with a deletion gives nothing that works', async t => {
  for (const at of [0, 3, 6, 9, 12]) {
    const account = await anAccount(client)
    const refresh = { path: 'refresh', body: { refresh_token: account.refresh } }
    const shots = times(12, i => (i % 4 < 2 ? loginOf(account) : refresh))
    const order = at % 2 ? urls : [...urls].reverse()
    const replies = await volley(order, shots.toSpliced(at, 0, remove(account)))
    t.is(replies[at]?.status, 204)
    t.true(replies.every(({ status }) => [200, 204, 401, 403].includes(status)))
    t.true(await allDead(replies))
    t.is((await client.get('me', { token: account.access })).status, 401)
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 401)
    t.is((await login(account)).body.code, 'ACCOUNT_DEACTIVATED')
    // Nor does it once the deletion is taken back.
    const token = await undoLink(account)
    t.is((await client.post('undo-deletion', { token })).status, 204)
    t.true(await allDead(replies))
  }
})

test.serial('forty at once who take a deletion back do so once', async t => {
  const account = await anAccount(client)
  t.deepEqual(statusesOf(await volley(urls, [remove(account)])), { 204: 1 })
  const token = await undoLink(account)
  const replies = await volley(urls, times(40, undoing(token)))
  t.deepEqual(statusesOf(replies), { 204: 1, 401: 39 })
  t.false(await isDeleted(account))
  t.is(await eventsOf(account, 'user.deletion_undone'), 1)
  const session = await login(account)
  t.is(session.status, 200)
  t.is((await client.get('me', { token: account.access })).status, 401)

  const again = { ...account, access: session.body.access_token }
  t.deepEqual(statusesOf(await volley(urls, [remove(again)])), { 204: 1 })
  t.deepEqual(
    statusesOf(await volley(urls, times(10, undoing(token)))),
    { 401: 10 },
    'each mail is worth one',
  )
  t.true(await isDeleted(account))
  t.deepEqual(statusesOf(await volley(urls, [undoing(await undoLink(account, 2))])), { 204: 1 })
  t.false(await isDeleted(account))
})

test.serial('a login that arrives with the way back is let in after it, and not before', async t => {
  for (const at of [0, 4, 8, 12]) {
    const account = await anAccount(client)
    await volley(urls, [remove(account)])
    const token = await undoLink(account)
    const shots = times(12, loginOf(account))
    const replies = await volley(urls, shots.toSpliced(at, 0, undoing(token)))
    t.is(replies.splice(at, 1)[0]?.status, 204)
    for (const { status, body } of replies)
      if (status === 200) t.is((await client.get('me', { token: body.access_token })).status, 200)
      else t.is(body.code, 'ACCOUNT_DEACTIVATED')
    t.is((await login(account)).status, 200)
  }
})

test.serial('an administrator who deletes at the moment of the way back has the last word', async t => {
  const ada = await anAccount(client)
  await sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [ada.userId])
  for (let at = 0; at <= 4; at++) {
    const account = await anAccount(client)
    await volley(urls, [remove(account)])
    const token = await undoLink(account)
    const forGood = { method: 'DELETE', path: `/api/v1/admin/users/${account.userId}`, token: ada.access }
    const replies = await volley(urls, times(4, undoing(token)).toSpliced(at, 0, forGood))
    t.is(replies[at]?.status, 204)
    t.true(await isDeleted(account))
    t.is((await client.post('undo-deletion', { token })).status, 401)
  }
})
