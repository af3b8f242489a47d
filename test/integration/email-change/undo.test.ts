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

// The undo link for the owner of the old address, and the tokens that an email change revokes.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  // An attacker who knows the password has changed the email. For 7 days the link that is mailed to the old address
  // restores the account to its owner, also after further actions of the attacker.

  const { client } = world
  const clients = [client, other.client]

  const newPassword = 'a wholly new 7 phrase'
  const undo = (token: string, at = client) => at.post('undo-email-change', { token })
  const login = (email: string, password: string) => client.post('login', { email, password })
  const undoOf = async (email: string, count = 1) =>
    (await waitForLink(world, email, 'undo-email-change', count)).token

  /** An account older than 7 days whose email an attacker has changed, and the token of the undo link. */
  const aStolenAccount = async () => {
    const owner = await aVerifiedAccount(world)
    await backdateAccount(world, owner)
    const attackerEmail = `attacker-${anEmail()}`
    const { body } = await login(owner.email, owner.password)
    const access: string = body.access_token
    const refresh: string = body.refresh_token
    await changeEmail(world, { ...owner, access }, attackerEmail)
    return {
      owner,
      attacker: { email: attackerEmail, access, refresh, password: owner.password },
      token: await undoOf(owner.email),
    }
  }

  /** Lists what is wrong unless the owner has the account back and all older passwords are refused. */
  const failuresOfRestore = async (
    owner: Account,
    addresses: string[],
    passwords: string[],
  ): Promise<string[]> => {
    const failures: string[] = []
    const row = await rowOf(world, owner.userId)
    if (row.email !== owner.email || !row.email_verified || row.erase_after) failures.push('row')
    if (row.password_hash !== null) failures.push('password kept')
    for (const email of [owner.email, ...addresses])
      for (const password of passwords)
        if ((await login(email, password)).body.code !== 'INVALID_CREDENTIALS') failures.push('login')
    const { token } = await waitForLink(world, owner.email, 'reset-password')
    const reset = await client.post('reset-password', { token, new_password: newPassword })
    if (reset.status !== 204) failures.push(`reset ${reset.status}`)
    if ((await login(owner.email, newPassword)).body.user?.id !== owner.userId) failures.push('no login')
    return failures
  }

  test('undo of an email change → address restored, all sessions and the password revoked, reset mailed', async t => {
    const { owner, attacker, token } = await aStolenAccount()
    const { body: later } = await other.client.post('login', {
      email: attacker.email,
      password: attacker.password,
    })
    const { body: rotated } = await client.post('refresh', { refresh_token: later.refresh_token })
    const accesses = [owner.access, attacker.access, later.access_token, rotated.access_token]
    const refreshes = [owner.refresh, attacker.refresh, rotated.refresh_token, later.refresh_token]
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
    t.deepEqual(await failuresOfRestore(owner, [attacker.email], [owner.password]), [])
    t.is(await countEvents(world, owner.userId, 'email.change_undone'), 1)
    t.is(await world.redis.zcard(world.keys.sessions(owner.userId)), 1, 'the session of the owner')
    // A repeated undo after the owner has set a password and signed in must revoke no session and mail nothing.
    const before = await rowOf(world, owner.userId)
    const again = await undo(token, other.client)
    t.is(again.status, 200)
    t.is(again.text, reply.text)
    t.deepEqual(await rowOf(world, owner.userId), before)
    t.is(await world.redis.zcard(world.keys.sessions(owner.userId)), 1)
    t.is(await countEvents(world, owner.userId, 'email.change_undone'), 1)
    // Once the owner has changed the email again, the undo link must not work any more.
    const { body: mine } = await login(owner.email, newPassword)
    await changeEmail(world, { access: mine.access_token, password: newPassword }, anEmail())
    t.is((await undo(token)).body.code, 'INVALID_TOKEN')
  })

  test('20 simultaneous undo requests at two instances → all succeed, one reset email', async t => {
    const { owner, token } = await aStolenAccount()
    const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => undo(token, clients[i % 2])))
    t.true(replies.every(({ status }) => status === 200))
    t.is(await countEvents(world, owner.userId, 'email.change_undone'), 1)
    const resets = await world.sql(`SELECT 1 FROM emails WHERE kind = 'reset_password' AND user_id = $1`, [
      owner.userId,
    ])
    t.is(resets.length, 1)
  })

  test('the attacker resets and changes the password → the undo still restores the account', async t => {
    const { owner, attacker, token } = await aStolenAccount()
    await client.post('forgot-password', { email: attacker.email })
    const reset = await waitForLink(world, attacker.email, 'reset-password')
    const attackerPasswords = ['their own 8 words', 'their other 9 words'] as const
    t.is(
      (await client.post('reset-password', { token: reset.token, new_password: attackerPasswords[0] }))
        .status,
      204,
    )
    const { body } = await login(attacker.email, attackerPasswords[0])
    const changed = await client.post(
      'change-password',
      { current_password: attackerPasswords[0], new_password: attackerPasswords[1] },
      { token: body.access_token },
    )
    t.is(changed.status, 200)
    t.is((await undo(token)).status, 200)
    t.is((await client.get('me', { token: changed.body.access_token })).status, 401)
    t.deepEqual(await failuresOfRestore(owner, [attacker.email], [owner.password, ...attackerPasswords]), [])
  })

  test('undo of an email change → the pending reset and the next email change of the attacker are refused', async t => {
    const { owner, attacker, token } = await aStolenAccount()
    await client.post('forgot-password', { email: attacker.email })
    const reset = await waitForLink(world, attacker.email, 'reset-password')
    const next = anEmail()
    const secondChange = await requestEmailChange(world, attacker, next)
    t.is((await undo(token)).status, 200)
    const attackerTokens: [path: string, body: object][] = [
      ['verify-reset-token', { token: reset.token }],
      ['reset-password', { token: reset.token, new_password: newPassword }],
      ['reset-password', { email: attacker.email, code: reset.code, new_password: newPassword }],
      ['reset-password', { email: owner.email, code: reset.code, new_password: newPassword }],
      ['confirm-email', { token: secondChange.token }],
      ['confirm-email', { email: next, code: secondChange.code }],
    ]
    for (const [path, body] of attackerTokens) t.is((await client.post(path, body)).status, 401, path)
    t.deepEqual(await failuresOfRestore(owner, [attacker.email, next], [owner.password]), [])
  })

  test('the attacker changes the email twice → the owner undoes both, and the attacker cannot undo', async t => {
    const { owner, attacker, token } = await aStolenAccount()
    const second = anEmail()
    await changeEmail(world, attacker, second)
    const attackerUndo = await undoOf(attacker.email)
    t.is((await undo(token)).status, 200)
    t.is((await undo(attackerUndo)).body.code, 'INVALID_TOKEN')
    t.deepEqual(await failuresOfRestore(owner, [attacker.email, second], [owner.password]), [])
    t.is((await undo(attackerUndo)).status, 401)
  })

  test('the attacker changes the email twice and undoes the second → the owner can still undo the first', async t => {
    const { owner, attacker, token } = await aStolenAccount()
    await changeEmail(world, attacker, anEmail())
    t.is((await undo(await undoOf(attacker.email))).status, 200)
    t.is((await rowOf(world, owner.userId)).email, attacker.email)
    t.is((await undo(token)).status, 200)
    t.deepEqual(await failuresOfRestore(owner, [attacker.email], [owner.password]), [])
  })

  test('owner and attacker undo at the same moment → the owner has the account', async t => {
    for (let round = 0; round < 4; round++) {
      const { owner, attacker, token } = await aStolenAccount()
      await changeEmail(world, attacker, anEmail())
      const attackerUndo = await undoOf(attacker.email)
      const [mine, other] = await Promise.all([undo(token), undo(attackerUndo, clients[1])])
      t.is(mine.status, 200)
      t.true([200, 401].includes(other.status))
      t.is((await rowOf(world, owner.userId)).email, owner.email)
    }
  })

  test('the attacker changes the email 300 times → the owner can undo, and no undo link stays usable', async t => {
    const { owner, token } = await aStolenAccount()
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, user_id, locale, status)
     SELECT gen_random_uuid(), 'email_changed', 'attacker-' || n || '@example.com', $1, 'en', 'sent'
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

  test('the attacker deletes the account → the undo restores it, and the attacker cannot undo the deletion', async t => {
    const { owner, attacker, token } = await aStolenAccount()
    const body = { password: attacker.password }
    t.is((await client.send('DELETE', 'me', { token: attacker.access, body })).status, 204)
    const undoDeletion = await waitForLink(world, attacker.email, 'undo-deletion')
    t.is((await undo(token)).status, 200)
    t.deepEqual(await failuresOfRestore(owner, [attacker.email], [owner.password]), [])
    const { body: mine } = await login(owner.email, newPassword)
    t.is(
      (await client.send('DELETE', 'me', { token: mine.access_token, body: { password: newPassword } }))
        .status,
      204,
    )
    t.is((await client.post('undo-deletion', { token: undoDeletion.token })).status, 401)
    t.not((await rowOf(world, owner.userId)).erase_after, null)
  })

  test('Redis loses all keys of the user → the undo still works', async t => {
    const { owner, attacker, token } = await aStolenAccount()
    const keys = await world.keysLike(`${world.env.REDIS_PREFIX}:{${owner.userId}}:*`)
    t.true(keys.length > 0)
    await world.dropKeys(keys)
    t.is((await undo(token)).status, 200)
    t.deepEqual(await failuresOfRestore(owner, [attacker.email], [owner.password]), [])
  })

  test('Redis restores sessions from before the undo → they stay revoked', async t => {
    const { owner, attacker, token } = await aStolenAccount()
    const { redis } = world
    const keys = await world.keysLike(`${world.env.REDIS_PREFIX}:{${owner.userId}}:session*`)
    const dumps = await Promise.all(keys.map(async key => [key, await redis.dumpBuffer(key)] as const))
    t.is((await undo(token)).status, 200)
    for (const [key, value] of dumps) await redis.restore(key, 0, value, 'REPLACE')
    t.is((await client.get('me', { token: attacker.access })).status, 401)
    t.is((await client.post('refresh', { refresh_token: attacker.refresh })).status, 401)
  })

  test('another verified account has the old address → undo gets 409, and works once the address is free', async t => {
    const { owner, attacker, token } = await aStolenAccount()
    const newOwner = await anAccount(client, { email: owner.email })
    await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [newOwner.userId])
    for (const at of clients) {
      const reply = await undo(token, at)
      t.is(reply.status, 409)
      t.is(reply.body.code, 'DUPLICATE_ENTRY')
    }
    t.is((await rowOf(world, owner.userId)).email, attacker.email)
    t.is((await client.get('me', { token: attacker.access })).status, 200, 'the session was not revoked')
    t.is((await client.get('me', { token: newOwner.access })).body.email, owner.email)
    await untilNoEmailQueued(world)

    await changeEmail(world, newOwner, anEmail())
    t.is((await undo(token)).status, 200)
    t.deepEqual(await failuresOfRestore(owner, [attacker.email], [owner.password]), [])
  })

  test('an unverified account has the old address → the undo works, and that account is erased', async t => {
    const { owner, attacker, token } = await aStolenAccount()
    const otherAccount = await anAccount(client, { email: owner.email, password: 'a squatter 4 phrase' })
    t.is((await undo(token, other.client)).status, 200)
    t.deepEqual(await failuresOfRestore(owner, [attacker.email], [owner.password, 'a squatter 4 phrase']), [])
    t.is((await client.get('me', { token: otherAccount.access })).body.code, 'SESSION_REVOKED')
    t.is((await client.post('refresh', { refresh_token: otherAccount.refresh })).status, 401)
    t.not((await rowOf(world, otherAccount.userId)).erase_after, null)
    await world.run('eraseAccounts')
    t.deepEqual(await world.sql('SELECT 1 FROM users WHERE id = $1', [otherAccount.userId]), [])
  })

  test('an administrator deletes the account → the undo is refused', async t => {
    const { owner, token } = await aStolenAccount()
    const admin = await anAccount(client)
    await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [admin.userId])
    const { body } = await login(admin.email, admin.password)
    const path = `/api/v1/admin/users/${owner.userId}`
    t.is((await client.send('DELETE', path, { token: body.access_token })).status, 204)
    t.is((await undo(token)).status, 401)
  })
}

{
  // A new password revokes a pending email change, and an email change revokes all tokens that were mailed to the old
  // address (Sudhodanan and Paverd, "Pre-hijacked accounts", 2022: the unexpired email change attack).

  const { client } = world

  const newPassword = 'a wholly new 7 phrase'
  const forgot = async (email: string) => {
    await client.post('forgot-password', { email })
    return waitForLink(world, email, 'reset-password')
  }

  test('the password is changed → a pending email change is refused', async t => {
    const account = await anAccount(client)
    const newEmail = anEmail()
    const { token, code } = await requestEmailChange(world, account, newEmail)
    const body = { current_password: account.password, new_password: newPassword }
    t.is((await client.post('change-password', body, { token: account.access })).status, 200)
    t.is((await client.post('confirm-email', { token })).status, 401)
    t.is((await client.post('confirm-email', { email: newEmail, code })).status, 401)
    t.is((await rowOf(world, account.userId)).email, account.email)
  })

  test('the password is reset → a pending email change is refused', async t => {
    const account = await anAccount(client)
    const newEmail = anEmail()
    const { token, code } = await requestEmailChange(world, account, newEmail)
    const reset = await forgot(account.email)
    t.is((await client.post('reset-password', { token: reset.token, new_password: newPassword })).status, 204)
    t.is((await client.post('confirm-email', { token })).status, 401)
    t.is((await client.post('confirm-email', { email: newEmail, code })).status, 401)
    t.is((await rowOf(world, account.userId)).email, account.email)
  })

  test('the account is deleted, then restored → a pending email change stays refused', async t => {
    const account = await aVerifiedAccount(world)
    const { token } = await requestEmailChange(world, account, anEmail())
    const body = { password: account.password }
    t.is((await client.send('DELETE', 'me', { token: account.access, body })).status, 204)
    t.is((await client.post('confirm-email', { token })).status, 401)
    const undoDeletion = await waitForLink(world, account.email, 'undo-deletion')
    t.is((await client.post('undo-deletion', { token: undoDeletion.token })).status, 204)
    t.is((await client.post('confirm-email', { token })).status, 401)
    t.is((await rowOf(world, account.userId)).email, account.email)
  })

  test('reset and email change confirmed at the same moment → the first one makes the other fail with 401', async t => {
    for (let round = 0; round < 4; round++) {
      const account = await aVerifiedAccount(world)
      const newEmail = anEmail()
      const { token } = await requestEmailChange(world, account, newEmail)
      const reset = await forgot(account.email)
      const [moved, done] = await Promise.all([
        client.post('confirm-email', { token }),
        client.post('reset-password', { token: reset.token, new_password: newPassword }),
      ])
      t.deepEqual([moved.status, done.status], moved.status === 200 ? [200, 401] : [401, 204])
      t.is((await rowOf(world, account.userId)).email, moved.status === 200 ? newEmail : account.email)
    }
  })

  test('the password changes while an email change request verifies it → 403, and no email is queued', async t => {
    const account = await anAccount(client)
    const newEmail = anEmail()
    const resetTransaction = new pg.Client({ connectionString: world.env.DATABASE_URL })
    await resetTransaction.connect()
    try {
      await resetTransaction.query('BEGIN')
      await resetTransaction.query(
        'UPDATE users SET password_hash = $2, session_epoch = session_epoch + 1 WHERE id = $1',
        [account.userId, await hashOf(newPassword)],
      )
      let answered = false
      const answer = postChangeEmail(client, account, newEmail).finally(() => {
        answered = true
      })
      await until('the request waits for the lock or has been answered', async () => {
        const waiting = await world.sql(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        )
        return answered || waiting.length > 0
      })
      await resetTransaction.query('COMMIT')
      t.is((await answer).status, 403)
    } finally {
      await resetTransaction.end()
    }
    t.deepEqual(await world.sql('SELECT 1 FROM emails WHERE recipient = $1', [newEmail]), [])
  })

  test('email change → tokens and codes mailed to the old address are refused, also for its next owner', async t => {
    const account = await anAccount(client)
    const { email, userId } = account
    const verification = await waitForLink(world, email, 'verify-email')
    const reset = await forgot(email)
    const newEmail = anEmail()
    await changeEmail(world, account, newEmail)
    const statusesOfOldTokens = async () => {
      const statuses: number[] = []
      for (const [path, more] of [
        ['verify-email', {}],
        ['verify-reset-token', {}],
        ['reset-password', { new_password: newPassword }],
      ] as const) {
        const { token, code } = path === 'verify-email' ? verification : reset
        for (const presented of [{ token }, { email, code }, { email: newEmail, code }])
          statuses.push((await client.post(path, { ...presented, ...more })).status)
      }
      return statuses
    }
    const all401 = Array(9).fill(401)
    t.deepEqual(await statusesOfOldTokens(), all401)
    const newOwner = await anAccount(client, { email })
    t.deepEqual(await statusesOfOldTokens(), all401)
    t.like(await rowOf(world, userId), { email: newEmail, email_verified: true })
    t.false((await rowOf(world, newOwner.userId)).email_verified)
    t.is((await client.post('login', { email: newEmail, password: account.password })).status, 200)
  })

  test('the email is changed away and back → a reset link from before stays refused', async t => {
    const account = await aVerifiedAccount(world)
    const reset = await forgot(account.email)
    await changeEmail(world, account, anEmail())
    await changeEmail(world, account, account.email)
    t.is((await rowOf(world, account.userId)).email, account.email)
    const { token, code } = reset
    for (const presented of [{ token }, { email: account.email, code }]) {
      const body = { ...presented, new_password: newPassword }
      t.is((await client.post('reset-password', body)).status, 401)
    }
  })
}
