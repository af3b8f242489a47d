import anyTest from 'ava'
import pg from 'pg'
import { type Account, anAccount, anEmail, hashOf } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import {
  aVerifiedAccount,
  backdateAccount,
  changeEmail,
  countEvents,
  postChangeEmail,
  requestEmailChange,
  rowOf,
  untilNoEmailQueued,
  waitForLink,
} from './change-email.ts'

// A move taken back by the old address, and what a move ends.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  // Somebody who knows the password has moved the account. The mail to the old address gives it back for 7 days,
  // whatever they do with it meanwhile.

  const { client } = world
  const clients = [client, other.client]

  const another = 'a wholly new 7 phrase'
  const undo = (token: string, at = client) => at.post('undo-email-change', { token })
  const login = (email: string, password: string) => client.post('login', { email, password })
  const undoOf = async (email: string, count = 1) =>
    (await waitForLink(world, email, 'undo-email-change', count)).token

  /** An account that its owner has used for a while, and that was moved away from them, and the way back. */
  const aStolen = async () => {
    const owner = await aVerifiedAccount(world)
    await backdateAccount(world, owner)
    const thiefs = `thief-${anEmail()}`
    const { body } = await login(owner.email, owner.password)
    const access: string = body.access_token
    const refresh: string = body.refresh_token
    await changeEmail(world, { ...owner, access }, thiefs)
    return {
      owner,
      thief: { email: thiefs, access, refresh, password: owner.password },
      token: await undoOf(owner.email),
    }
  }

  /** The owner has the account, and nothing that was known of it before opens it. */
  const restored = async (owner: Account, addresses: string[], passwords: string[]): Promise<string[]> => {
    const faults: string[] = []
    const row = await rowOf(world, owner.userId)
    if (row.email !== owner.email || !row.email_verified || row.erase_after) faults.push('row')
    if (row.password_hash !== null) faults.push('password kept')
    for (const email of [owner.email, ...addresses])
      for (const password of passwords)
        if ((await login(email, password)).body.code !== 'INVALID_CREDENTIALS') faults.push('login')
    const { token } = await waitForLink(world, owner.email, 'reset-password')
    const reset = await client.post('reset-password', { token, new_password: another })
    if (reset.status !== 204) faults.push(`reset ${reset.status}`)
    if ((await login(owner.email, another)).body.user?.id !== owner.userId) faults.push('no login')
    return faults
  }

  test('the owner has the account again: every session ends, the password goes, a reset is mailed', async t => {
    const { owner, thief, token } = await aStolen()
    const { body: later } = await other.client.post('login', { email: thief.email, password: thief.password })
    const { body: rotated } = await client.post('refresh', { refresh_token: later.refresh_token })
    const accesses = [owner.access, thief.access, later.access_token, rotated.access_token]
    const refreshes = [owner.refresh, thief.refresh, rotated.refresh_token, later.refresh_token]
    for (const each of accesses) t.is((await other.client.get('me', { token: each })).status, 200)

    const reply = await undo(token)
    t.is(reply.status, 200)
    t.deepEqual(reply.body, { email: owner.email, email_verified: true })
    t.is(reply.headers.get('set-cookie'), null)
    for (const at of clients) {
      for (const each of accesses) t.is((await at.get('me', { token: each })).body.code, 'SESSION_REVOKED')
      for (const refresh_token of refreshes)
        t.is((await at.post('refresh', { refresh_token })).body.code, 'INVALID_REFRESH_TOKEN')
    }
    t.deepEqual(await restored(owner, [thief.email], [owner.password]), [])
    t.is(await countEvents(world, owner.userId, 'email.change_undone'), 1)
    t.is(await world.redis.zcard(world.keys.sessions(owner.userId)), 1, 'that of the owner')
    // The same again, also after the owner has set a password and signed in: no session ends, and nothing is mailed.
    const before = await rowOf(world, owner.userId)
    const again = await undo(token, other.client)
    t.is(again.status, 200)
    t.is(again.text, reply.text)
    t.deepEqual(await rowOf(world, owner.userId), before)
    t.is(await world.redis.zcard(world.keys.sessions(owner.userId)), 1)
    t.is(await countEvents(world, owner.userId, 'email.change_undone'), 1)
    // The owner moves on: the account has the address no more.
    const { body: mine } = await login(owner.email, another)
    await changeEmail(world, { access: mine.access_token, password: another }, anEmail())
    t.is((await undo(token)).body.code, 'INVALID_TOKEN')
  })

  test('twenty who undo at once, at two instances → twenty successes and one email with a reset', async t => {
    const { owner, token } = await aStolen()
    const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => undo(token, clients[i % 2])))
    t.true(replies.every(({ status }) => status === 200))
    t.is(await countEvents(world, owner.userId, 'email.change_undone'), 1)
    const resets = await world.sql(`SELECT 1 FROM emails WHERE kind = 'reset_password' AND user_id = $1`, [
      owner.userId,
    ])
    t.is(resets.length, 1)
  })

  test('a thief who resets and changes the password does not shut the way back', async t => {
    const { owner, thief, token } = await aStolen()
    await client.post('forgot-password', { email: thief.email })
    const reset = await waitForLink(world, thief.email, 'reset-password')
    const taken = ['their own 8 words', 'their other 9 words'] as const
    t.is((await client.post('reset-password', { token: reset.token, new_password: taken[0] })).status, 204)
    const { body } = await login(thief.email, taken[0])
    const changed = await client.post(
      'change-password',
      { current_password: taken[0], new_password: taken[1] },
      { token: body.access_token },
    )
    t.is(changed.status, 200)
    t.is((await undo(token)).status, 200)
    t.is((await client.get('me', { token: changed.body.access_token })).status, 401)
    t.deepEqual(await restored(owner, [thief.email], [owner.password, ...taken]), [])
  })

  test('nothing that the thief has asked for outlives it: no reset, no further move', async t => {
    const { owner, thief, token } = await aStolen()
    await client.post('forgot-password', { email: thief.email })
    const reset = await waitForLink(world, thief.email, 'reset-password')
    const next = anEmail()
    const further = await requestEmailChange(world, thief, next)
    t.is((await undo(token)).status, 200)
    const held: [path: string, body: object][] = [
      ['verify-reset-token', { token: reset.token }],
      ['reset-password', { token: reset.token, new_password: another }],
      ['reset-password', { email: thief.email, code: reset.code, new_password: another }],
      ['reset-password', { email: owner.email, code: reset.code, new_password: another }],
      ['confirm-email', { token: further.token }],
      ['confirm-email', { email: next, code: further.code }],
    ]
    for (const [path, body] of held) t.is((await client.post(path, body)).status, 401, path)
    t.deepEqual(await restored(owner, [thief.email, next], [owner.password]), [])
  })

  test('a thief who moves twice: the owner’s way back wins, and ends theirs', async t => {
    const { owner, thief, token } = await aStolen()
    const second = anEmail()
    await changeEmail(world, thief, second)
    const theirs = await undoOf(thief.email)
    t.is((await undo(token)).status, 200)
    t.is((await undo(theirs)).body.code, 'INVALID_TOKEN')
    t.deepEqual(await restored(owner, [thief.email, second], [owner.password]), [])
    t.is((await undo(theirs)).status, 401)
  })

  test('a thief who moves twice and takes the second back does not shut the owner’s way', async t => {
    const { owner, thief, token } = await aStolen()
    await changeEmail(world, thief, anEmail())
    t.is((await undo(await undoOf(thief.email))).status, 200)
    t.is((await rowOf(world, owner.userId)).email, thief.email)
    t.is((await undo(token)).status, 200)
    t.deepEqual(await restored(owner, [thief.email], [owner.password]), [])
  })

  test('both take theirs back at once: the owner has the account', async t => {
    for (let round = 0; round < 4; round++) {
      const { owner, thief, token } = await aStolen()
      await changeEmail(world, thief, anEmail())
      const theirs = await undoOf(thief.email)
      const [mine, other] = await Promise.all([undo(token), undo(theirs, clients[1])])
      t.is(mine.status, 200)
      t.true([200, 401].includes(other.status))
      t.is((await rowOf(world, owner.userId)).email, owner.email)
    }
  })

  test('a thief who moves on and on does not push the owner’s mail out of sight', async t => {
    const { owner, token } = await aStolen()
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, user_id, locale, status)
     SELECT gen_random_uuid(), 'email_changed', 'thief-' || n || '@example.com', $1, 'en', 'sent'
       FROM generate_series(1, 300) n`,
      [owner.userId],
    )
    t.is((await undo(token)).status, 200)
    const left = await world.sql(
      `SELECT 1 FROM emails WHERE kind = 'email_changed' AND user_id = $1 AND proof_spent_at IS NULL`,
      [owner.userId],
    )
    t.is(left.length, 0)
  })

  test('a thief who deletes the account does not: it is revived, and their own way back is dead', async t => {
    const { owner, thief, token } = await aStolen()
    const body = { password: thief.password }
    t.is((await client.send('DELETE', 'me', { token: thief.access, body })).status, 204)
    const keep = await waitForLink(world, thief.email, 'undo-deletion')
    t.is((await undo(token)).status, 200)
    t.deepEqual(await restored(owner, [thief.email], [owner.password]), [])
    const { body: mine } = await login(owner.email, another)
    t.is(
      (await client.send('DELETE', 'me', { token: mine.access_token, body: { password: another } })).status,
      204,
    )
    t.is((await client.post('undo-deletion', { token: keep.token })).status, 401)
    t.not((await rowOf(world, owner.userId)).erase_after, null)
  })

  test('the way back outlasts a Redis that forgets', async t => {
    const { owner, thief, token } = await aStolen()
    const keys = await world.keysLike(`${world.env.REDIS_PREFIX}:{${owner.userId}}:*`)
    t.true(keys.length > 0)
    await world.dropKeys(keys)
    t.is((await undo(token)).status, 200)
    t.deepEqual(await restored(owner, [thief.email], [owner.password]), [])
  })

  test('sessions that a Redis has forgotten to forget stay ended', async t => {
    const { owner, thief, token } = await aStolen()
    const { redis } = world
    const keys = await world.keysLike(`${world.env.REDIS_PREFIX}:{${owner.userId}}:session*`)
    const kept = await Promise.all(keys.map(async key => [key, await redis.dumpBuffer(key)] as const))
    t.is((await undo(token)).status, 200)
    for (const [key, value] of kept) await redis.restore(key, 0, value, 'REPLACE')
    t.is((await client.get('me', { token: thief.access })).status, 401)
    t.is((await client.post('refresh', { refresh_token: thief.refresh })).status, 401)
  })

  test('somebody has proven to hold the old address since: nothing moves, and the link waits for it', async t => {
    const { owner, thief, token } = await aStolen()
    const heir = await anAccount(client, { email: owner.email })
    await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [heir.userId])
    for (const at of clients) {
      const reply = await undo(token, at)
      t.is(reply.status, 409)
      t.is(reply.body.code, 'DUPLICATE_ENTRY')
    }
    t.is((await rowOf(world, owner.userId)).email, thief.email)
    t.is((await client.get('me', { token: thief.access })).status, 200, 'nothing of it has happened')
    t.is((await client.get('me', { token: heir.access })).body.email, owner.email)
    await untilNoEmailQueued(world)

    await changeEmail(world, heir, anEmail())
    t.is((await undo(token)).status, 200)
    t.deepEqual(await restored(owner, [thief.email], [owner.password]), [])
  })

  test('whoever registers the old address without holding its mailbox does not keep the owner out', async t => {
    const { owner, thief, token } = await aStolen()
    const squatter = await anAccount(client, { email: owner.email, password: 'a squatter 4 phrase' })
    t.is((await undo(token, other.client)).status, 200)
    t.deepEqual(await restored(owner, [thief.email], [owner.password, 'a squatter 4 phrase']), [])
    t.is((await client.get('me', { token: squatter.access })).body.code, 'SESSION_REVOKED')
    t.is((await client.post('refresh', { refresh_token: squatter.refresh })).status, 401)
    t.not((await rowOf(world, squatter.userId)).erase_after, null)
    await world.run('eraseAccounts')
    t.deepEqual(await world.sql('SELECT 1 FROM users WHERE id = $1', [squatter.userId]), [])
  })

  test('an administrator’s deletion ends the way back', async t => {
    const { owner, token } = await aStolen()
    const admin = await anAccount(client)
    await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [admin.userId])
    const { body } = await login(admin.email, admin.password)
    const path = `/api/v1/admin/users/${owner.userId}`
    t.is((await client.send('DELETE', path, { token: body.access_token })).status, 204)
    t.is((await undo(token)).status, 401)
  })
}

{
  // A pending move falls with the password that asked for it, and what was mailed to an address falls with the move
  // away from it (Sudhodanan and Paverd, "Pre-hijacked accounts", 2022: the unexpired e-mail change).

  const { client } = world

  const another = 'a wholly new 7 phrase'
  const forgot = async (email: string) => {
    await client.post('forgot-password', { email })
    return waitForLink(world, email, 'reset-password')
  }

  test('a pending move is dead once the password was changed', async t => {
    const account = await anAccount(client)
    const newEmail = anEmail()
    const { token, code } = await requestEmailChange(world, account, newEmail)
    const body = { current_password: account.password, new_password: another }
    t.is((await client.post('change-password', body, { token: account.access })).status, 200)
    t.is((await client.post('confirm-email', { token })).status, 401)
    t.is((await client.post('confirm-email', { email: newEmail, code })).status, 401)
    t.is((await rowOf(world, account.userId)).email, account.email)
  })

  test('a pending move is dead once the password was reset', async t => {
    const account = await anAccount(client)
    const newEmail = anEmail()
    const { token, code } = await requestEmailChange(world, account, newEmail)
    const reset = await forgot(account.email)
    t.is((await client.post('reset-password', { token: reset.token, new_password: another })).status, 204)
    t.is((await client.post('confirm-email', { token })).status, 401)
    t.is((await client.post('confirm-email', { email: newEmail, code })).status, 401)
    t.is((await rowOf(world, account.userId)).email, account.email)
  })

  test('a pending move is dead once the account was deleted, and stays so when it is taken back', async t => {
    const account = await aVerifiedAccount(world)
    const { token } = await requestEmailChange(world, account, anEmail())
    const body = { password: account.password }
    t.is((await client.send('DELETE', 'me', { token: account.access, body })).status, 204)
    t.is((await client.post('confirm-email', { token })).status, 401)
    const keep = await waitForLink(world, account.email, 'undo-deletion')
    t.is((await client.post('undo-deletion', { token: keep.token })).status, 204)
    t.is((await client.post('confirm-email', { token })).status, 401)
    t.is((await rowOf(world, account.userId)).email, account.email)
  })

  test('a reset and a move at the same moment: whichever came first ends the other', async t => {
    for (let round = 0; round < 4; round++) {
      const account = await aVerifiedAccount(world)
      const newEmail = anEmail()
      const { token } = await requestEmailChange(world, account, newEmail)
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
    const resetting = new pg.Client({ connectionString: world.env.DATABASE_URL })
    await resetting.connect()
    try {
      await resetting.query('BEGIN')
      await resetting.query(
        'UPDATE users SET password_hash = $2, session_epoch = session_epoch + 1 WHERE id = $1',
        [account.userId, await hashOf(another)],
      )
      let answered = false
      const answer = postChangeEmail(client, account, newEmail).finally(() => {
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
    const verification = await waitForLink(world, email, 'verify-email')
    const reset = await forgot(email)
    const newEmail = anEmail()
    await changeEmail(world, account, newEmail)
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
    const account = await aVerifiedAccount(world)
    const reset = await forgot(account.email)
    await changeEmail(world, account, anEmail())
    await changeEmail(world, account, account.email)
    t.is((await rowOf(world, account.userId)).email, account.email)
    const { token, code } = reset
    for (const presented of [{ token }, { email: account.email, code }]) {
      const body = { ...presented, new_password: another }
      t.is((await client.post('reset-password', body)).status, 401)
    }
  })
}
