import anyTest from 'ava'
import { parse as parseUuid } from 'uuid'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { askMove, aVerified, linked, origin, rowOf } from '../addresses/moving.ts'
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
  // The way back of a deletion: it needs a press of the button, also where opening other links is enough.

  const clients = [world.client, other.client]

  const undo = (token: string, client = world.client) => client.post('undo-deletion', { token })
  const pressed = (token: string, client = world.client) =>
    client.send('POST', 'undo-deletion/confirm?lang=en', {
      body: new URLSearchParams({ token }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
  const login = (email: string) => world.client.post('login', { email, password })
  /** Chooses the same password again, by the email that an undo sends, and signs in. */
  const comeBack = async (email: string, count = 1): Promise<Reply> => {
    const { token } = await linked(world, email, 'reset-password', count)
    const { status } = await world.client.post('reset-password', { token, new_password: password })
    if (status !== 204) throw new Error(`reset-password answered ${status}`)
    return login(email)
  }
  const rowOf = async (id: string) =>
    (await world.sql<Record<string, unknown>>('SELECT * FROM users WHERE id = $1', [id]))[0]
  const eventsOf = async (id: string, type: string) =>
    (await world.sql('SELECT 1 FROM audit_events WHERE user_id = $1 AND type = $2', [id, type])).length

  /** Asks again where a busy machine answered that nothing was done. */
  const answered = async (ask: () => Promise<Reply>): Promise<Reply> => {
    const reply = await ask()
    return reply.status === 503 ? answered(ask) : reply
  }

  /** Deletes an account, and waits for its `count`th email with a link that undoes it. */
  const deleted = async (account: Account, access: string, count: number) => {
    const { status } = await world.client.send('DELETE', 'me', { token: access, body: { password } })
    if (status !== 204) throw new Error(`DELETE answered ${status}`)
    const { link } = await world.mails.to(account.email, count, 'undo-deletion')
    return { ...account, token: tokenOf(link), path: link.slice('http://latchkey.test'.length) }
  }
  const aDeleted = async (given: Record<string, unknown> = {}) => {
    const account = await anAccount(world.client, given)
    const { link } = await world.mails.to(account.email)
    return { ...(await deleted(account, account.access, 1)), verifying: tokenOf(link) }
  }

  test('the account is back as it was, without a session, and its password is closed until a reset', async t => {
    const given = { full_name: 'Ada Lovelace', phone: '+442071234567' }
    const { email, userId, token, access, refresh } = await aDeleted(given)
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

    t.is((await login(email)).body.code, 'INVALID_CREDENTIALS', 'whoever deleted it knew that password')
    const { status, body } = await comeBack(email)
    t.is(status, 200)
    t.like(body.user, { id: userId, ...given })
    for (const client of clients) {
      t.is((await client.get('me', { token: access })).body.code, 'SESSION_REVOKED')
      t.is((await client.post('refresh', { refresh_token: refresh })).body.code, 'INVALID_REFRESH_TOKEN')
      t.is((await client.get('me', { token: body.access_token })).status, 200)
    }
    t.is(await eventsOf(userId, 'user.deletion_undone'), 1)
  })

  test('looking at the page changes nothing, however often; its button takes the deletion back', async t => {
    const { email, userId, path, token } = await aDeleted()
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
    t.regex(page.text, /Your account stays/)
    t.regex(page.text, /mailed you a link to choose a new one/)
    t.is((await comeBack(email)).status, 200)

    const again = await pressed(token)
    t.is(again.status, 303)
    const already = again.headers.get('location') ?? ''
    t.is(already, `${location}&again=1`)
    const said = await world.client.get(already.slice('http://latchkey.test'.length))
    t.regex(said.text, /Your account already stays/)
    t.is(await eventsOf(userId, 'user.deletion_undone'), 1)
  })

  test('the page says nothing of whether its link is good', async t => {
    const { path, token } = await aDeleted()
    const none = `lkp_${'A'.repeat(64)}`
    const good = await world.client.get(path)
    const bad = await world.client.get(path.replace(token, none))
    t.is(bad.status, good.status)
    t.is(bad.text.replaceAll(none, ''), good.text.replaceAll(token, ''))
  })

  test('ten who take it back at once, by page and by API → ten successes and one event', async t => {
    const { email, userId, token } = await aDeleted()
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        answered(() => (i % 4 < 2 ? undo : pressed)(token, clients[i % 2])),
      ),
    )
    const statuses = replies.map(({ status }) => status)
    t.is(statuses.filter(status => status === 204 || status === 303).length, 10)
    t.is(await eventsOf(userId, 'user.deletion_undone'), 1)
    t.is((await comeBack(email)).status, 200)
    t.is((await world.mails.sentTo(email)).filter(({ link }) => link.includes('reset-password')).length, 1)
  })

  test('a second deletion is taken back by its own mail, and not by that of the first', async t => {
    const first = await aDeleted()
    t.is((await undo(first.token)).status, 204)

    const { body } = await comeBack(first.email)
    const second = await deleted(first, body.access_token, 2)
    t.not(second.token, first.token)
    for (const use of [undo, pressed]) t.is((await use(first.token)).status, 401)
    t.is((await login(first.email)).body.code, 'ACCOUNT_DEACTIVATED')
    t.is((await undo(second.token)).status, 204)
    t.is((await undo(first.token)).body.code, 'INVALID_TOKEN', 'its effect has been replaced')
    t.is((await comeBack(first.email, 2)).status, 200)
    t.is(
      (await world.client.get('me', { token: body.access_token })).status,
      401,
      'both times all sessions ended',
    )
  })

  test('the way back outlasts a Redis that forgets', async t => {
    const { email, userId, token } = await aDeleted()
    const keys = await world.keysLike(`${world.env.REDIS_PREFIX}:{${userId}}:*`)
    t.true(keys.length > 0)
    await world.dropKeys(keys)
    t.is((await undo(token)).status, 204)
    t.is((await comeBack(email)).status, 200)
  })

  test('no other mail, no part of one and no other account’s takes a deletion back', async t => {
    const [mine, yours] = [await aDeleted(), await aDeleted()]
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

  test('the link is good for nothing else', async t => {
    const { email, userId, token } = await aDeleted()
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
    t.is((await comeBack(email)).status, 200)
  })

  test('an account that was deactivated meanwhile is kept, and stays deactivated', async t => {
    const { email, userId, token } = await aDeleted()
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
    t.is((await undo(token)).status, 204)
    t.like(await rowOf(userId), { erase_after: null, is_active: false, password_hash: null })
    t.is((await login(email)).status, 401)
  })

  test('once an administrator deletes the account, its owner has no way back', async t => {
    const { email, token, userId } = await aDeleted()
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
  // `EMAIL_LINK_CONFIRM=instant` trades the button for a scanner that confirms. It must not trade away the undo: a
  // scanner that opens it would end every session and take the password of an owner who moved on purpose.

  const { client } = world

  test('where opening a link is enough, GET confirms a new address and HEAD does not; nothing but the button undoes', async t => {
    const account = await aVerified(world)
    const newEmail = anEmail()
    const { path } = await askMove(world, account, newEmail)
    t.is((await client.send('HEAD', path)).status, 200)
    t.is((await rowOf(world, account.userId)).email, account.email)
    const opened = await client.get(path)
    t.is(opened.status, 303)
    t.is(opened.headers.get('location'), `${origin}/api/v1/auth/email-confirmed?lang=en`)
    const moved = await rowOf(world, account.userId)
    t.is(moved.email, newEmail)
    const again = await client.get(path)
    t.is(again.headers.get('location'), `${origin}/api/v1/auth/email-confirmed?lang=en&again=1`)

    const undo = await linked(world, account.email, 'undo-email-change')
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

test('where opening a link is enough, GET verifies and HEAD does not', async t => {
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
  test(`a link that is none is a page and no fault: ${query.slice(0, 20)}`, async t => {
    const page = await world.client.get(`verify-email?${query}&lang=%3Cscript%3E`)
    t.is(page.status, 401)
    t.regex(page.headers.get('content-type') ?? '', /^text\/html/)
    t.notRegex(page.text, /<script/)
  })
