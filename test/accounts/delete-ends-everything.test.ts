import test from 'ava'
import { type Account, anAccount, anEmail, password, tokenOf } from '../make.ts'
import { openWorld, until } from '../world.ts'

// Who deletes an account leaves nothing of it open, and who does not know its password deletes nothing.

const world = await openWorld({ worker: true })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())
const clients = [world.client, other.client]

const remove = ({ access }: Account, body: unknown = { password }, client = world.client) =>
  client.send('DELETE', 'me', { token: access, body })
const stateOf = async ({ userId, email }: Account) => [
  await world.sql('SELECT * FROM users WHERE id = $1', [userId]),
  await world.sql('SELECT * FROM emails WHERE user_id = $1 OR recipient = $2 ORDER BY id', [userId, email]),
  await world.sql('SELECT * FROM audit_events WHERE user_id = $1 ORDER BY id', [userId]),
  await world.deps.redis.zrange(world.deps.keys.sessions(userId), 0, -1),
]
const mailsTo = (email: string) => world.mails.caught.filter(({ to }) => to.includes(email)).length
const settled = (email: string) =>
  until(`every mail to ${email} to be settled`, async () => {
    const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued' AND recipient = $1`, [email])
    return queued.length === 0
  })
const eventsOf = async ({ userId }: Account) =>
  (await world.sql<{ type: string }>('SELECT type FROM audit_events WHERE user_id = $1', [userId])).map(
    ({ type }) => type,
  )

/** Somebody whose verification mail has come. */
const aMailed = async (given: Record<string, unknown> = {}) => {
  const account = await anAccount(world.client, given)
  const { link, code } = await world.mails.to(account.email)
  await settled(account.email)
  return { ...account, verifying: { token: tokenOf(link), code } }
}

test.serial('a wrong password is refused, and nothing has happened but that this is kept', async t => {
  const account = await aMailed()
  const before = await stateOf(account)
  for (const wrong of ['wrong horse 9', `${password} `, password.toUpperCase()]) {
    const reply = await remove(account, { password: wrong })
    t.is(reply.status, 403)
    t.is(reply.body.code, 'INVALID_CURRENT_PASSWORD')
    t.is(reply.headers.get('www-authenticate'), null)
  }
  t.deepEqual(await eventsOf(account), ['user.registered', ...Array(3).fill('password.refused')])
  await world.sql(`DELETE FROM audit_events WHERE user_id = $1 AND type = 'password.refused'`, [
    account.userId,
  ])
  t.deepEqual(await stateOf(account), before)
  for (const client of clients) t.is((await client.get('me', { token: account.access })).status, 200)
})

test.serial(
  'without a session, or with a refresh token in its place, the right password deletes nothing',
  async t => {
    const account = await aMailed()
    const before = await stateOf(account)
    for (const token of [undefined, account.refresh, `${account.access}x`]) {
      const { status } = await world.client.send('DELETE', 'me', { token, body: { password } })
      t.is(status, 401)
    }
    t.deepEqual(await stateOf(account), before)
  },
)

test.serial('an account that has no password is deleted by none', async t => {
  const account = await aMailed()
  await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [account.userId])
  for (const tried of [password, 'null', ' ']) t.is((await remove(account, { password: tried })).status, 403)
  t.is((await world.client.get('me', { token: account.access })).status, 200)
})

test.serial('every token of every session is dead at once, at every instance, and nobody else’s', async t => {
  const account = await aMailed()
  const bystander = await anAccount(world.client)
  const { email } = account
  const tokens = [account]
  for (const client of clients) {
    const { body } = await client.post('login', { email, password })
    tokens.push({ ...account, access: body.access_token, refresh: body.refresh_token })
  }
  const { body: next } = await world.client.post('refresh', { refresh_token: account.refresh })
  tokens.push({ ...account, access: next.access_token, refresh: next.refresh_token })
  // Whatever an instance remembers of a verified token it remembers by now.
  for (const client of clients)
    for (const { access } of tokens) t.is((await client.get('me', { token: access })).status, 200)

  const reply = await remove(account)
  t.is(reply.status, 204)
  t.is(reply.text, '')
  for (const client of clients)
    for (const { access, refresh } of tokens) {
      const asks = [
        client.get('me', { token: access }),
        client.get('me/export', { token: access }),
        client.patch('me', { full_name: 'Still Here' }, { token: access }),
        client.send('DELETE', 'me', { token: access, body: { password } }),
      ]
      for (const { status, body } of await Promise.all(asks)) {
        t.is(status, 401)
        t.is(body.code, 'SESSION_REVOKED')
      }
      const refreshed = await client.post('refresh', { refresh_token: refresh })
      t.is(refreshed.status, 401)
      t.is(refreshed.body.code, 'INVALID_REFRESH_TOKEN')
    }
  t.is(await world.deps.redis.zcard(world.deps.keys.sessions(account.userId)), 0)
  t.is((await other.client.get('me', { token: bystander.access })).status, 200)
  t.is((await other.client.post('refresh', { refresh_token: bystander.refresh })).status, 200)
})

test.serial('nobody signs in to it, and only the right password learns why', async t => {
  const account = await aMailed()
  const { email } = account
  await remove(account)
  for (const client of clients) {
    const right = await client.post('login', { email, password })
    t.is(right.status, 403)
    t.is(right.body.code, 'ACCOUNT_DEACTIVATED')
    const wrong = await client.post('login', { email, password: 'wrong horse 9' })
    t.is(wrong.status, 401)
    t.is(wrong.body.code, 'INVALID_CREDENTIALS')
  }
  t.is(await world.deps.redis.zcard(world.deps.keys.sessions(account.userId)), 0)
  t.false((await eventsOf(account)).includes('login.succeeded'))
})

test.serial('its address stays taken while it can be taken back', async t => {
  const account = await aMailed()
  await remove(account)
  const reply = await world.client.post('register', { email: account.email, password: 'another horse 10' })
  t.is(reply.status, 409)
})

test.serial('what was mailed before is worth nothing any more', async t => {
  const { client } = world
  const account = await aMailed()
  const { email, verifying, access } = account
  const moved = anEmail()
  await client.post('forgot-password', { email })
  await client.post('change-email', { current_password: password, new_email: moved }, { token: access })
  const [reset, change] = [await world.mails.to(email, 2), await world.mails.to(moved)]
  t.is((await client.post('verify-reset-token', { token: tokenOf(reset.link) })).status, 200)

  await remove(account)
  const [before] = await stateOf(account)
  const proofs: [path: string, body: Record<string, string>][] = [
    ['verify-email', { token: verifying.token }],
    ['verify-email', { email, code: verifying.code }],
    ['verify-reset-token', { token: tokenOf(reset.link) }],
    ['verify-reset-token', { email, code: reset.code }],
    ['reset-password', { token: tokenOf(reset.link), new_password: 'another horse 10' }],
    ['reset-password', { email, code: reset.code, new_password: 'another horse 10' }],
    ['confirm-email', { token: tokenOf(change.link) }],
    ['confirm-email', { email: moved, code: change.code }],
  ]
  for (const [path, body] of proofs) {
    const reply = await client.post(path, body)
    t.is(reply.status, 401, path)
    t.is(reply.body.code, 'INVALID_TOKEN', path)
  }
  t.deepEqual((await stateOf(account))[0], before)

  const { link } = await world.mails.to(email, 3)
  t.is((await client.post('undo-deletion', { token: tokenOf(link) })).status, 204)
  for (const [path, body] of proofs)
    t.is((await client.post(path, body)).status, 401, `${path} after the undo`)
})

test.serial('the one mail that it gets is the way back; none that is asked for afterwards comes', async t => {
  const account = await aMailed({ preferred_language: 'es', full_name: 'Ada Lovelace' })
  const { email } = account
  await remove(account)
  const { mail, link } = await world.mails.to(email, 2)
  t.true(link.startsWith('http://latchkey.test/api/v1/auth/undo-deletion?token='))
  t.regex(mail.html ?? '', /<html lang="es"/)
  t.true(mail.text?.includes('30'), 'the days that are left')
  for (const path of ['forgot-password', 'resend-verification'])
    t.is((await world.client.post(path, { email })).status, 202)
  await settled(email)
  const rows = await world.sql(`SELECT kind, status FROM emails WHERE recipient = $1 ORDER BY id`, [email])
  t.deepEqual(rows, [
    { kind: 'verify_email', status: 'sent' },
    { kind: 'account_deleted', status: 'sent' },
    { kind: 'reset_password', status: 'dropped' },
    { kind: 'verify_email', status: 'dropped' },
  ])
  t.is(mailsTo(email), 2)
})

test.serial('a mail that still waited when the account closed does not go out', async t => {
  const account = await aMailed()
  const { email, userId } = account
  // Owed, and not yet in the hands of the worker.
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
     VALUES (gen_random_uuid(), 'reset_password', $1, $2, 'en', now() + interval '1 hour')`,
    [email, userId],
  )
  await remove(account)
  await world.mails.to(email, 2)
  await world.sql(`UPDATE emails SET sweep_after = now() WHERE user_id = $1`, [userId])
  await settled(email)
  const [row] = await world.sql(`SELECT status FROM emails WHERE kind = 'reset_password' AND user_id = $1`, [
    userId,
  ])
  t.deepEqual(row, { status: 'dropped' })
})

test.serial('the last administrator cannot go, and one of two can', async t => {
  const [last, next] = [await aMailed(), await aMailed()]
  const promote = ({ userId }: Account) =>
    world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [userId])
  await promote(last)
  const before = await stateOf(last)
  const kept = await remove(last)
  t.is(kept.status, 403)
  t.is(kept.body.code, 'FORBIDDEN')
  t.deepEqual(await stateOf(last), before)
  t.is((await world.client.get('me', { token: last.access })).status, 200)

  await promote(next)
  t.is((await remove(last)).status, 204)
  t.is((await remove(next)).status, 403, 'one that waits to be erased is none')
})

test.serial('ten deletions at once are one: one mail, one event', async t => {
  const account = await aMailed()
  const replies = await Promise.all(
    Array.from({ length: 10 }, (_, i) => remove(account, { password }, clients[i % 2])),
  )
  // Whoever comes after the first has no session any more, or loses it while their password is compared.
  const others = replies.map(({ status }) => status).filter(status => status !== 204)
  t.is(others.length, 9)
  t.deepEqual(
    others.filter(status => ![401, 403, 503].includes(status)),
    [],
  )
  await settled(account.email)
  t.is(mailsTo(account.email), 2)
  t.is((await eventsOf(account)).filter(type => type === 'user.deleted').length, 1)
})
