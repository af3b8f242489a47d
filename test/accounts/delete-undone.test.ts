import test from 'ava'
import { parse as parseUuid } from 'uuid'
import type { Reply } from '../client.ts'
import { dropKeys, keysOf } from '../every-key.ts'
import { type Account, anAccount, password, tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'

// The way back of a deletion: it needs a press of the button, also where opening other links is enough.

const world = await openWorld({ worker: true, env: { EMAIL_LINK_CONFIRM: 'instant' } })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())
const clients = [world.client, other.client]

const undo = (token: string, client = world.client) => client.post('undo-deletion', { token })
const pressed = (token: string, client = world.client) =>
  client.send('POST', 'undo-deletion/confirm?lang=en', {
    body: new URLSearchParams({ token }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
const login = (email: string) => world.client.post('login', { email, password })
const rowOf = async (id: string) =>
  (await world.sql<Record<string, unknown>>('SELECT * FROM users WHERE id = $1', [id]))[0]
const eventsOf = async (id: string, type: string) =>
  (await world.sql('SELECT 1 FROM audit_events WHERE user_id = $1 AND type = $2', [id, type])).length

/** Asks again where a busy machine answered that nothing was done. */
const answered = async (ask: () => Promise<Reply>): Promise<Reply> => {
  const reply = await ask()
  return reply.status === 503 ? answered(ask) : reply
}

/** Deletes an account, and waits for its mail. */
const deleted = async (account: Account, access: string, mails: number) => {
  const { status } = await world.client.send('DELETE', 'me', { token: access, body: { password } })
  if (status !== 204) throw new Error(`DELETE answered ${status}`)
  const { link } = await world.mails.to(account.email, mails)
  return { ...account, token: tokenOf(link), path: link.slice('http://latchkey.test'.length) }
}
const aDeleted = async (given: Record<string, unknown> = {}) => {
  const account = await anAccount(world.client, given)
  const { link } = await world.mails.to(account.email)
  return { ...(await deleted(account, account.access, 2)), verifying: tokenOf(link) }
}

test.serial('the account is back as it was, without a session', async t => {
  const given = { full_name: 'Ada Lovelace', phone: '+442071234567' }
  const { email, userId, token, access, refresh } = await aDeleted(given)
  const closed = await rowOf(userId)
  const reply = await undo(token)
  t.is(reply.status, 204)
  t.is(reply.text, '')
  t.is(reply.headers.get('set-cookie'), null)
  const { updated_at } = (await rowOf(userId)) ?? {}
  t.deepEqual(await rowOf(userId), { ...closed, erase_after: null, updated_at })
  t.is(await world.deps.redis.zcard(world.deps.keys.sessions(userId)), 0)

  const { status, body } = await login(email)
  t.is(status, 200)
  t.like(body.user, { id: userId, ...given })
  for (const client of clients) {
    t.is((await client.get('me', { token: access })).body.code, 'SESSION_REVOKED')
    t.is((await client.post('refresh', { refresh_token: refresh })).body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await client.get('me', { token: body.access_token })).status, 200)
  }
  t.is(await eventsOf(userId, 'user.deletion_undone'), 1)
})

test.serial(
  'looking at the page changes nothing, however often; its button takes the deletion back',
  async t => {
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
    t.is((await login(email)).status, 200)

    const again = await pressed(token)
    t.is(again.status, 401)
    t.regex(again.text, /This link is no longer valid/)
  },
)

test.serial('the page says nothing of whether its link is good', async t => {
  const { path, token } = await aDeleted()
  const none = `lkp_${'A'.repeat(64)}`
  const good = await world.client.get(path)
  const bad = await world.client.get(path.replace(token, none))
  t.is(bad.status, good.status)
  t.is(bad.text.replaceAll(none, ''), good.text.replaceAll(token, ''))
})

test.serial('ten who take it back at once, by page and by API, are one', async t => {
  const { email, userId, token } = await aDeleted()
  const replies = await Promise.all(
    Array.from({ length: 10 }, (_, i) => answered(() => (i % 4 < 2 ? undo : pressed)(token, clients[i % 2]))),
  )
  const statuses = replies.map(({ status }) => status)
  t.is(statuses.filter(status => status === 204 || status === 303).length, 1)
  t.is(statuses.filter(status => status === 401).length, 9)
  t.is(await eventsOf(userId, 'user.deletion_undone'), 1)
  t.is((await login(email)).status, 200)
})

test.serial('a second deletion is taken back by its own mail, and not by that of the first', async t => {
  const first = await aDeleted()
  t.is((await undo(first.token)).status, 204)
  t.is((await undo(first.token)).body.code, 'INVALID_TOKEN')

  const { body } = await login(first.email)
  const second = await deleted(first, body.access_token, 3)
  t.not(second.token, first.token)
  for (const use of [undo, pressed]) t.is((await use(first.token)).status, 401)
  t.is((await login(first.email)).body.code, 'ACCOUNT_DEACTIVATED')
  t.is((await undo(second.token)).status, 204)
  t.is((await login(first.email)).status, 200)
  t.is(
    (await world.client.get('me', { token: body.access_token })).status,
    401,
    'both times all sessions ended',
  )
})

test.serial('the way back outlasts a Redis that forgets', async t => {
  const { email, userId, token } = await aDeleted()
  const { redis, config } = world.deps
  const keys = await keysOf(redis, `${config.REDIS_PREFIX}:{${userId}}:*`)
  t.true(keys.length > 0)
  await dropKeys(redis, keys)
  t.is((await undo(token)).status, 204)
  t.is((await login(email)).status, 200)
})

test.serial('no other mail, no part of one and no other account’s takes a deletion back', async t => {
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

test.serial('the link is good for nothing else', async t => {
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
  t.is((await login(email)).status, 200)
})

test.serial('an account that was deactivated meanwhile is kept, and stays deactivated', async t => {
  const { email, userId, token } = await aDeleted()
  await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
  t.is((await undo(token)).status, 204)
  t.like(await rowOf(userId), { erase_after: null, is_active: false })
  t.is((await login(email)).body.code, 'ACCOUNT_DEACTIVATED')
})

test.serial('once an administrator deletes the account, its owner has no way back', async t => {
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
