import anyTest from 'ava'
import { parse as parseUuid } from 'uuid'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import {
  aVerifiedAccount,
  origin,
  requestEmailChange,
  rowOf,
  waitForLink,
} from '../email-change/change-email.ts'
import { submitForm } from '../passwords/user-with-reset-mail.ts'

// EMAIL_LINK_CONFIRM=instant: opening a link confirms, except where that would do harm.

const test = anyTest.serial

const deleteUndoneWorld = await openWorld({ worker: true, env: { EMAIL_LINK_CONFIRM: 'instant' } })
const other = await deleteUndoneWorld.instance()
const world = await openWorld({ worker: true, env: { EMAIL_LINK_CONFIRM: 'instant' } })
anyTest.after.always(async () => {
  for (const each of [deleteUndoneWorld, world]) await each[Symbol.asyncDispose]()
})

{
  const world = deleteUndoneWorld
  // Undoing a deletion needs a press of the button, even with instant confirmation.

  const clients = [world.client, other.client]

  const undo = (token: string, client = world.client) => client.post('undo-deletion', { token })
  const pressed = (token: string, client = world.client) =>
    client.send('POST', 'undo-deletion/confirm?lang=en', {
      body: new URLSearchParams({ token }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
  const login = (email: string) => world.client.post('login', { email, password })
  /** Follows the reset email that an undo sends, sets the same password again, and signs in. */
  const resetAndLogin = async (email: string, count = 1): Promise<Reply> => {
    const { token } = await waitForLink(world, email, 'reset-password', count)
    const { status } = await world.client.post('reset-password', { token, new_password: password })
    if (status !== 204) throw new Error(`reset-password answered ${status}`)
    return login(email)
  }
  const rowOf = async (id: string) =>
    (await world.sql<Record<string, unknown>>('SELECT * FROM users WHERE id = $1', [id]))[0]
  const eventsOf = async (id: string, type: string) =>
    (await world.sql('SELECT 1 FROM audit_events WHERE user_id = $1 AND type = $2', [id, type])).length

  /** Repeats a request that a busy machine answered with 503, which means that nothing was done. */
  const retryOn503 = async (ask: () => Promise<Reply>): Promise<Reply> => {
    const reply = await ask()
    return reply.status === 503 ? retryOn503(ask) : reply
  }

  /** Deletes an account, and waits for its `count`th email with an undo link. */
  const deleteAccount = async (account: Account, access: string, count: number) => {
    const { status } = await world.client.send('DELETE', 'me', { token: access, body: { password } })
    if (status !== 204) throw new Error(`DELETE answered ${status}`)
    const { link } = await world.mails.to(account.email, count, 'undo-deletion')
    return { ...account, token: tokenOf(link), path: link.slice('http://latchkey.test'.length) }
  }
  const aDeletedAccount = async (given: Record<string, unknown> = {}) => {
    const account = await anAccount(world.client, given)
    const { link } = await world.mails.to(account.email)
    return { ...(await deleteAccount(account, account.access, 1)), verifying: tokenOf(link) }
  }

  test('undo of a deletion → account restored without sessions, password closed until a reset', async t => {
    const given = { full_name: 'Ada Lovelace', phone: '+442071234567' }
    const { email, userId, token, access, refresh } = await aDeletedAccount(given)
    const closed = await rowOf(userId)
    const reply = await undo(token)
    t.is(reply.status, 204)
    t.is(reply.text, '')
    t.is(reply.headers.get('set-cookie'), null)
    const { updated_at } = (await rowOf(userId)) ?? {}
    const session_epoch = Number(closed?.session_epoch) + 1
    const reopened = { erase_after: null, password_hash: null, session_epoch, updated_at }
    t.deepEqual(await rowOf(userId), { ...closed, ...reopened })
    t.is(await world.redis.zcard(world.keys.sessions(userId)), 0)

    t.is(
      (await login(email)).body.code,
      'INVALID_CREDENTIALS',
      'the password is closed, because the person who deleted the account knew it',
    )
    const { status, body } = await resetAndLogin(email)
    t.is(status, 200)
    t.like(body.user, { id: userId, ...given })
    for (const client of clients) {
      t.is((await client.get('me', { token: access })).body.code, 'SESSION_REVOKED')
      t.is((await client.post('refresh', { refresh_token: refresh })).body.code, 'INVALID_REFRESH_TOKEN')
      t.is((await client.get('me', { token: body.access_token })).status, 200)
    }
    t.is(await eventsOf(userId, 'user.deletion_undone'), 1)
  })

  test('undo page of a deletion → opening changes nothing, its button restores the account', async t => {
    const { email, userId, path, token } = await aDeletedAccount()
    const closed = await rowOf(userId)
    for (const method of ['GET', 'HEAD', 'GET']) {
      const page = await world.client.send(method, path)
      t.is(page.status, 200)
      if (method === 'GET') t.regex(page.text, /Keep my account/)
      t.is(page.headers.get('cache-control'), 'no-store')
    }
    t.deepEqual(await rowOf(userId), closed)
    t.is((await login(email)).body.code, 'ACCOUNT_DEACTIVATED')

    const done = await pressed(token)
    t.is(done.status, 303)
    const location = done.headers.get('location') ?? ''
    t.is(location, 'http://latchkey.test/api/v1/auth/account-restored?lang=en')
    const page = await world.client.get(location.slice('http://latchkey.test'.length))
    t.is(page.status, 200)
    t.regex(page.text, /You keep your account/)
    t.regex(page.text, /sent you a link to choose a new one/)
    t.is((await resetAndLogin(email)).status, 200)

    const again = await pressed(token)
    t.is(again.status, 303)
    const already = again.headers.get('location') ?? ''
    t.is(already, `${location}&again=1`)
    const alreadyPage = await world.client.get(already.slice('http://latchkey.test'.length))
    t.regex(alreadyPage.text, /You already kept your account/)
    t.is(await eventsOf(userId, 'user.deletion_undone'), 1)
  })

  test('undo page of a deletion → identical for a valid and an invalid link', async t => {
    const { path, token } = await aDeletedAccount()
    const none = `lkp_${'A'.repeat(64)}`
    const good = await world.client.get(path)
    const bad = await world.client.get(path.replace(token, none))
    t.is(bad.status, good.status)
    t.is(bad.text.replaceAll(none, ''), good.text.replaceAll(token, ''))
  })

  test('ten concurrent undo requests by page and API → ten successes and one event', async t => {
    const { email, userId, token } = await aDeletedAccount()
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        retryOn503(() => (i % 4 < 2 ? undo : pressed)(token, clients[i % 2])),
      ),
    )
    const statuses = replies.map(({ status }) => status)
    t.is(statuses.filter(status => status === 204 || status === 303).length, 10)
    t.is(await eventsOf(userId, 'user.deletion_undone'), 1)
    t.is((await resetAndLogin(email)).status, 200)
    t.is((await world.mails.sentTo(email)).filter(({ link }) => link.includes('reset-password')).length, 1)
  })

  test('account deleted twice → only the newest undo link works', async t => {
    const first = await aDeletedAccount()
    t.is((await undo(first.token)).status, 204)

    const { body } = await resetAndLogin(first.email)
    const second = await deleteAccount(first, body.access_token, 2)
    t.not(second.token, first.token)
    for (const use of [undo, pressed]) t.is((await use(first.token)).status, 401)
    t.is((await login(first.email)).body.code, 'ACCOUNT_DEACTIVATED')
    t.is((await undo(second.token)).status, 204)
    t.is((await undo(first.token)).body.code, 'INVALID_TOKEN', 'its effect has been replaced')
    t.is((await resetAndLogin(first.email, 2)).status, 200)
    t.is(
      (await world.client.get('me', { token: body.access_token })).status,
      401,
      'both times all sessions ended',
    )
  })

  test('Redis lost the keys of the user → the undo link still works', async t => {
    const { email, userId, token } = await aDeletedAccount()
    const keys = await world.keysLike(`${world.env.REDIS_PREFIX}:{${userId}}:*`)
    t.true(keys.length > 0)
    await world.dropKeys(keys)
    t.is((await undo(token)).status, 204)
    t.is((await resetAndLogin(email)).status, 200)
  })

  test('forged, foreign or other tokens → 401 and the account stays deleted', async t => {
    const [mine, yours] = [await aDeletedAccount(), await aDeletedAccount()]
    const bytes = Buffer.from(mine.token.slice(4), 'base64url')
    const yourId = Buffer.from(parseUuid(yours.userId))
    const forged = [
      Buffer.concat([yourId, bytes.subarray(16)]),
      Buffer.concat([bytes.subarray(0, 16), Buffer.alloc(32)]),
      bytes.subarray(0, 47),
      Buffer.concat([bytes, Buffer.alloc(1)]),
    ].map(each => `lkp_${each.toString('base64url')}`)
    for (const token of [...forged, mine.verifying, mine.refresh, mine.access, 'lkp_', ' '])
      for (const use of [undo, pressed]) {
        const reply = await use(token)
        t.is(reply.status, 401)
        if (use === undo) t.is(reply.body.code, 'INVALID_TOKEN')
      }
    for (const { email } of [mine, yours]) t.is((await login(email)).body.code, 'ACCOUNT_DEACTIVATED')
    t.is((await undo(mine.token)).status, 204)
    t.is((await login(yours.email)).body.code, 'ACCOUNT_DEACTIVATED')
  })

  test('undo-deletion token on other routes → 401, and it still works on its own', async t => {
    const { email, userId, token } = await aDeletedAccount()
    const closed = await rowOf(userId)
    const uses: [path: string, body: Record<string, string>][] = [
      ['verify-email', { token }],
      ['verify-reset-token', { token }],
      ['reset-password', { token, new_password: 'another horse 10' }],
      ['confirm-email', { token }],
      ['undo-email-change', { token }],
      ['refresh', { refresh_token: token }],
    ]
    for (const [path, body] of uses) t.is((await world.client.post(path, body)).status, 401, path)
    t.is((await world.client.get('me', { token })).status, 401)
    t.deepEqual(await rowOf(userId), closed)
    t.is((await undo(token)).status, 204)
    t.is((await resetAndLogin(email)).status, 200)
  })

  test('account deactivated after its deletion → undo keeps it and it stays deactivated', async t => {
    const { email, userId, token } = await aDeletedAccount()
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
    t.is((await undo(token)).status, 204)
    t.like(await rowOf(userId), { erase_after: null, is_active: false, password_hash: null })
    t.is((await login(email)).status, 401)
  })

  test('account deleted by an administrator afterwards → the undo link no longer works', async t => {
    const { email, token, userId } = await aDeletedAccount()
    const admin = await anAccount(world.client)
    await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [admin.userId])
    const { body } = await login(admin.email)
    const gone = await world.client.send('DELETE', `/api/v1/admin/users/${userId}`, {
      token: body.access_token,
    })
    t.is(gone.status, 204)
    for (const use of [undo, pressed]) t.is((await use(token)).status, 401)
    t.not((await login(email)).status, 200)
  })
}

{
  // With instant confirmation, a mail scanner that opens a link confirms it. An undo must still need the
  // button: otherwise a scanner would end every session and remove the password of an owner who moved on
  // purpose.

  const { client } = world

  test('instant confirmation → GET confirms a new address, HEAD does not, and undo needs the button', async t => {
    const account = await aVerifiedAccount(world)
    const newEmail = anEmail()
    const { path } = await requestEmailChange(world, account, newEmail)
    t.is((await client.send('HEAD', path)).status, 200)
    t.is((await rowOf(world, account.userId)).email, account.email)
    const opened = await client.get(path)
    t.is(opened.status, 303)
    t.is(opened.headers.get('location'), `${origin}/api/v1/auth/email-confirmed?lang=en`)
    const moved = await rowOf(world, account.userId)
    t.is(moved.email, newEmail)
    const again = await client.get(path)
    t.is(again.headers.get('location'), `${origin}/api/v1/auth/email-confirmed?lang=en&again=1`)

    const undo = await waitForLink(world, account.email, 'undo-email-change')
    let page = ''
    for (const method of ['GET', 'HEAD', 'GET']) {
      const looked = await client.send(method, undo.path)
      t.is(looked.status, 200)
      page ||= looked.text
    }
    t.deepEqual(await rowOf(world, account.userId), moved)
    t.is((await client.get('me', { token: account.access })).status, 200)
    t.is((await submitForm(client, { path: undo.path, page }, {})).status, 303)
    t.is((await rowOf(world, account.userId)).email, account.email)
  })
}

test('instant confirmation → GET verifies the email, HEAD does not', async t => {
  const { email, access } = await anAccount(world.client)
  const { link } = await world.mails.to(email)
  const path = link.slice('http://latchkey.test'.length)
  const verified = async () => (await world.client.get('me', { token: access })).body.email_verified

  t.is((await world.client.send('HEAD', path)).status, 200)
  t.false(await verified())

  const opened = await world.client.get(path)
  t.is(opened.status, 303)
  t.is(opened.headers.get('location'), 'http://latchkey.test/api/v1/auth/email-verified?lang=en')
  t.is(opened.headers.get('cache-control'), 'no-store')
  t.is(opened.headers.get('referrer-policy'), 'no-referrer')
  t.true(await verified())

  const again = await world.client.get(path)
  t.is(again.status, 303)
  t.is(again.headers.get('location'), 'http://latchkey.test/api/v1/auth/email-verified?lang=en&again=1')
})

for (const query of ['', 'token=', 'token=a&token=b', 'token[__proto__]=x', `token=${'A'.repeat(10_000)}`])
  test(`instant confirmation with an invalid link → 401 page: ${query.slice(0, 20)}`, async t => {
    const page = await world.client.get(`verify-email?${query}&lang=%3Cscript%3E`)
    t.is(page.status, 401)
    t.regex(page.headers.get('content-type') ?? '', /^text\/html/)
    t.notRegex(page.text, /<script/)
  })
