import test from 'ava'
import pg from 'pg'
import { anAccount, anEmail } from '../make.ts'
import { openWorld, until } from '../world.ts'
import { askMove, aVerified, change, linked, move, rowOf } from './moving.ts'

// A pending move falls with the password that asked for it, and what was mailed to an address falls with the move
// away from it (Sudhodanan and Paverd, "Pre-hijacked accounts", 2022: the unexpired e-mail change).

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

const another = 'a wholly new 7 phrase'
const forgot = async (email: string) => {
  await client.post('forgot-password', { email })
  return linked(world, email, 'reset-password')
}

test('a pending move is dead once the password was changed', async t => {
  const account = await anAccount(client)
  const newEmail = anEmail()
  const { token, code } = await askMove(world, account, newEmail)
  const body = { current_password: account.password, new_password: another }
  t.is((await client.post('change-password', body, { token: account.access })).status, 200)
  t.is((await client.post('confirm-email', { token })).status, 401)
  t.is((await client.post('confirm-email', { email: newEmail, code })).status, 401)
  t.is((await rowOf(world, account.userId)).email, account.email)
})

test('a pending move is dead once the password was reset', async t => {
  const account = await anAccount(client)
  const newEmail = anEmail()
  const { token, code } = await askMove(world, account, newEmail)
  const reset = await forgot(account.email)
  t.is((await client.post('reset-password', { token: reset.token, new_password: another })).status, 204)
  t.is((await client.post('confirm-email', { token })).status, 401)
  t.is((await client.post('confirm-email', { email: newEmail, code })).status, 401)
  t.is((await rowOf(world, account.userId)).email, account.email)
})

test('a pending move is dead once the account was deleted, and stays so when it is taken back', async t => {
  const account = await aVerified(world)
  const { token } = await askMove(world, account, anEmail())
  const body = { password: account.password }
  t.is((await client.send('DELETE', 'me', { token: account.access, body })).status, 204)
  t.is((await client.post('confirm-email', { token })).status, 401)
  const keep = await linked(world, account.email, 'undo-deletion')
  t.is((await client.post('undo-deletion', { token: keep.token })).status, 204)
  t.is((await client.post('confirm-email', { token })).status, 401)
  t.is((await rowOf(world, account.userId)).email, account.email)
})

test('a reset and a move at the same moment: whichever came first ends the other', async t => {
  for (let round = 0; round < 4; round++) {
    const account = await aVerified(world)
    const newEmail = anEmail()
    const { token } = await askMove(world, account, newEmail)
    const reset = await forgot(account.email)
    const [moved, done] = await Promise.all([
      client.post('confirm-email', { token }),
      client.post('reset-password', { token: reset.token, new_password: another }),
    ])
    t.deepEqual([moved.status, done.status], moved.status === 200 ? [200, 401] : [401, 204])
    t.is((await rowOf(world, account.userId)).email, moved.status === 200 ? newEmail : account.email)
  }
})

test('a request whose password is replaced while it is compared owes no mail', async t => {
  const account = await anAccount(client)
  const newEmail = anEmail()
  const resetting = new pg.Client({ connectionString: world.config.DATABASE_URL })
  await resetting.connect()
  try {
    await resetting.query('BEGIN')
    await resetting.query(
      'UPDATE users SET password_hash = $2, session_epoch = session_epoch + 1 WHERE id = $1',
      [account.userId, await world.deps.hasher.hash(another)],
    )
    let answered = false
    const answer = change(client, account, newEmail).finally(() => {
      answered = true
    })
    await until('a request that waits, or was let through', async () => {
      const waiting = await world.sql(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      )
      return answered || waiting.length > 0
    })
    await resetting.query('COMMIT')
    t.is((await answer).status, 403)
  } finally {
    await resetting.end()
  }
  t.deepEqual(await world.sql('SELECT 1 FROM emails WHERE recipient = $1', [newEmail]), [])
})

test('what was mailed to the old address is dead after the move, also for who has that address then', async t => {
  const account = await anAccount(client)
  const { email, userId } = account
  const verification = await linked(world, email, 'verify-email')
  const reset = await forgot(email)
  const newEmail = anEmail()
  await move(world, account, newEmail)
  const dead = async () => {
    const statuses: number[] = []
    for (const [path, more] of [
      ['verify-email', {}],
      ['verify-reset-token', {}],
      ['reset-password', { new_password: another }],
    ] as const) {
      const { token, code } = path === 'verify-email' ? verification : reset
      for (const presented of [{ token }, { email, code }, { email: newEmail, code }])
        statuses.push((await client.post(path, { ...presented, ...more })).status)
    }
    return statuses
  }
  const all401 = Array(9).fill(401)
  t.deepEqual(await dead(), all401)
  const heir = await anAccount(client, { email })
  t.deepEqual(await dead(), all401)
  t.like(await rowOf(world, userId), { email: newEmail, email_verified: true })
  t.false((await rowOf(world, heir.userId)).email_verified)
  t.is((await client.post('login', { email: newEmail, password: account.password })).status, 200)
})

test('nor does it live again when the account moves back', async t => {
  const account = await aVerified(world)
  const reset = await forgot(account.email)
  await move(world, account, anEmail())
  await move(world, account, account.email)
  t.is((await rowOf(world, account.userId)).email, account.email)
  const { token, code } = reset
  for (const presented of [{ token }, { email: account.email, code }]) {
    const body = { ...presented, new_password: another }
    t.is((await client.post('reset-password', body)).status, 401)
  }
})
