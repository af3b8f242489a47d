import anyTest from 'ava'
import pg from 'pg'
import { Users } from '../../../src/accounts/entity.ts'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { type HttpRequest, openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { linked } from '../addresses/moving.ts'

// Deletion of an account: it ends everything at once, and among other requests at two instances.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  // Somebody deletes their account while they, or somebody else, sign in, go on, or take the deletion back.

  const { client, sql } = world
  const urls = [world.url, other.url]

  const remove = ({ access }: Account): HttpRequest => ({
    method: 'DELETE',
    path: 'me',
    token: access,
    body: { password },
  })
  const undoing = (token: string): HttpRequest => ({ path: 'undo-deletion', body: { token } })
  const loginOf = ({ email }: Account): HttpRequest => ({ path: 'login', body: { email, password } })
  const login = (account: Account) => client.post('login', { email: account.email, password })
  const isDeleted = async ({ userId }: Account): Promise<boolean> =>
    (await sql('SELECT 1 FROM users WHERE id = $1 AND erase_after IS NOT NULL', [userId])).length === 1
  const eventsOf = async ({ userId }: Account, type: string): Promise<number> =>
    (await sql('SELECT 1 FROM audit_events WHERE user_id = $1 AND type = $2', [userId, type])).length
  const farewells = ({ userId }: Account) =>
    sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'account_deleted'`, [userId])
  /** Chooses the same password again, by the email that an undo sends. */
  const chooseAgain = async ({ email }: Account, count = 1) => {
    const { token } = await linked(world, email, 'reset-password', count)
    return (await client.post('reset-password', { token, new_password: password })).status
  }
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

  test('of forty deletions at once one closes the account, and one mail tells of it', async t => {
    const account = await anAccount(client)
    const replies = await sendSimultaneously(urls, times(40, remove(account)))
    t.deepEqual(statusesOf(replies), { 204: 1, 401: 39 })
    t.true(replies.every(({ status, body }) => status === 204 || body.code === 'SESSION_REVOKED'))
    t.true(await isDeleted(account))
    t.is(await eventsOf(account, 'user.deleted'), 1)
    t.is((await farewells(account)).length, 1)
  })

  test('a login or a refresh that arrives with a deletion gives nothing that works', async t => {
    for (const at of [0, 3, 6, 9, 12]) {
      const account = await anAccount(client)
      const refresh = { path: 'refresh', body: { refresh_token: account.refresh } }
      const requests = times(12, i => (i % 4 < 2 ? loginOf(account) : refresh))
      const order = at % 2 ? urls : [...urls].reverse()
      const replies = await sendSimultaneously(order, requests.toSpliced(at, 0, remove(account)))
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

  test('forty at once who take a deletion back → forty successes and one event', async t => {
    const account = await anAccount(client)
    t.deepEqual(statusesOf(await sendSimultaneously(urls, [remove(account)])), { 204: 1 })
    const token = await undoLink(account)
    const replies = await sendSimultaneously(urls, times(40, undoing(token)))
    t.deepEqual(statusesOf(replies), { 204: 40 })
    t.false(await isDeleted(account))
    t.is(await eventsOf(account, 'user.deletion_undone'), 1)
    t.is(await chooseAgain(account), 204)
    const session = await login(account)
    t.is(session.status, 200)
    t.is((await client.get('me', { token: account.access })).status, 401)

    const again = { ...account, access: session.body.access_token }
    t.deepEqual(statusesOf(await sendSimultaneously(urls, [remove(again)])), { 204: 1 })
    t.deepEqual(
      statusesOf(await sendSimultaneously(urls, times(10, undoing(token)))),
      { 401: 10 },
      'each mail is worth one',
    )
    t.true(await isDeleted(account))
    t.deepEqual(statusesOf(await sendSimultaneously(urls, [undoing(await undoLink(account, 2))])), { 204: 1 })
    t.false(await isDeleted(account))
  })

  test('a login by the old password that arrives with the undo of a deletion → refused, before it and after', async t => {
    for (const at of [0, 4, 8, 12]) {
      const account = await anAccount(client)
      await sendSimultaneously(urls, [remove(account)])
      const token = await undoLink(account)
      const requests = times(12, loginOf(account))
      const replies = await sendSimultaneously(urls, requests.toSpliced(at, 0, undoing(token)))
      t.is(replies.splice(at, 1)[0]?.status, 204)
      for (const { body } of replies)
        t.true(['ACCOUNT_DEACTIVATED', 'INVALID_CREDENTIALS'].includes(body.code), body.code)
      t.is((await login(account)).body.code, 'INVALID_CREDENTIALS')
      t.is(await chooseAgain(account), 204)
      t.is((await login(account)).status, 200)
    }
  })

  test('an administrator who deletes at the moment of the way back has the last word', async t => {
    const ada = await anAccount(client)
    await sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [ada.userId])
    for (let at = 0; at <= 4; at++) {
      const account = await anAccount(client)
      await sendSimultaneously(urls, [remove(account)])
      const token = await undoLink(account)
      const forGood = { method: 'DELETE', path: `/api/v1/admin/users/${account.userId}`, token: ada.access }
      const replies = await sendSimultaneously(urls, times(4, undoing(token)).toSpliced(at, 0, forGood))
      t.is(replies[at]?.status, 204)
      t.true(await isDeleted(account))
      t.is((await client.post('undo-deletion', { token })).status, 401)
    }
  })
}

{
  // Who deletes an account leaves nothing of it open, and who does not know its password deletes nothing.

  const clients = [world.client, other.client]

  const remove = ({ access }: Account, body: unknown = { password }, client = world.client) =>
    client.send('DELETE', 'me', { token: access, body })
  const stateOf = async ({ userId, email }: Account) => [
    await world.sql('SELECT * FROM users WHERE id = $1', [userId]),
    await world.sql('SELECT * FROM emails WHERE user_id = $1 OR recipient = $2 ORDER BY id', [userId, email]),
    await world.sql('SELECT * FROM audit_events WHERE user_id = $1 ORDER BY id', [userId]),
    await world.redis.zrange(world.keys.sessions(userId), 0, -1),
  ]
  const mailsTo = async (email: string) => (await world.mails.sentTo(email)).length
  const settled = (email: string) =>
    until(`every mail to ${email} to be settled`, async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued' AND recipient = $1`, [
        email,
      ])
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

  test('a wrong password is refused, and nothing has happened but that this is kept', async t => {
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

  test('without a session, or with a refresh token in its place, the right password deletes nothing', async t => {
    const account = await aMailed()
    const before = await stateOf(account)
    for (const token of [undefined, account.refresh, `${account.access}x`]) {
      const { status } = await world.client.send('DELETE', 'me', { token, body: { password } })
      t.is(status, 401)
    }
    t.deepEqual(await stateOf(account), before)
  })

  test('an account that has no password is deleted by none', async t => {
    const account = await aMailed()
    await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [account.userId])
    for (const tried of [password, 'null', ' '])
      t.is((await remove(account, { password: tried })).status, 403)
    t.is((await world.client.get('me', { token: account.access })).status, 200)
  })

  test('every token of every session is dead at once, at every instance, and nobody else’s', async t => {
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
    t.is(await world.redis.zcard(world.keys.sessions(account.userId)), 0)
    t.is((await other.client.get('me', { token: bystander.access })).status, 200)
    t.is((await other.client.post('refresh', { refresh_token: bystander.refresh })).status, 200)
  })

  test('nobody signs in to it, and only the right password learns why', async t => {
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
    t.is(await world.redis.zcard(world.keys.sessions(account.userId)), 0)
    t.false((await eventsOf(account)).includes('login.succeeded'))
  })

  test('its address stays taken while it can be taken back', async t => {
    const account = await aMailed()
    await remove(account)
    const reply = await world.client.post('register', { email: account.email, password: 'another horse 10' })
    t.is(reply.status, 409)
  })

  test('what was mailed before is worth nothing any more', async t => {
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

  test('the one mail that it gets is the way back, which comes again where a reset is asked for', async t => {
    const account = await aMailed({ preferred_language: 'es', full_name: 'Ada Lovelace' })
    const { email } = account
    await remove(account)
    const { mail, link } = await world.mails.to(email, 2)
    t.true(link.startsWith('http://latchkey.test/api/v1/auth/undo-deletion?token='))
    t.regex(mail.html ?? '', /<html lang="es"/)
    t.true(mail.text?.includes('30'), 'the days that are left')
    await world.sql(`UPDATE users SET erase_after = now() + interval '12 days' WHERE email = $1`, [email])
    for (const path of ['forgot-password', 'resend-verification'])
      t.is((await world.client.post(path, { email })).status, 202)
    await settled(email)
    const again = await world.mails.to(email, 3)
    t.is(again.link, link, 'one link, however often it is mailed')
    t.is(again.mail.subject, mail.subject)
    t.not(again.mail.messageId, mail.messageId)
    t.true(again.mail.text?.includes('12'), 'the days that are left by now')
    const rows = await world.sql(`SELECT kind, status FROM emails WHERE recipient = $1 ORDER BY id`, [email])
    t.deepEqual(rows, [
      { kind: 'verify_email', status: 'sent' },
      { kind: 'account_deleted', status: 'sent' },
      { kind: 'reset_password', status: 'sent' },
      { kind: 'verify_email', status: 'dropped' },
    ])
    t.is(await mailsTo(email), 3)
    t.is((await world.client.post('undo-deletion', { token: tokenOf(again.link) })).status, 204)
    t.is((await world.client.post('undo-deletion', { token: tokenOf(link) })).status, 204, 'the same link')
  })

  test('a mail that still waited when the account closed does not go out', async t => {
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
    const [row] = await world.sql(
      `SELECT status FROM emails WHERE kind = 'reset_password' AND user_id = $1`,
      [userId],
    )
    t.deepEqual(row, { status: 'dropped' })
  })

  test('a reset commits while a deletion waits for the account → the deletion is refused', async t => {
    const account = await aMailed()
    const holder = new pg.Client({ connectionString: world.env.DATABASE_URL })
    await holder.connect()
    t.teardown(() => holder.end())
    await holder.query('BEGIN')
    await holder.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [account.userId])
    const removing = remove(account)
    await until('the deletion waits', async () => {
      const waiting = await world.sql(
        `SELECT 1 FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE "users"%'`,
      )
      return waiting.length > 0
    })
    await holder.query('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [account.userId])
    await holder.query('COMMIT')
    const { status, body } = await removing
    t.deepEqual([status, body?.code], [401, 'SESSION_REVOKED'])
    const [row] = await world.sql<{ erase_after: Date | null }>(
      'SELECT erase_after FROM users WHERE id = $1',
      [account.userId],
    )
    t.is(row?.erase_after, null)
  })

  test('the last administrator cannot go, and one of two can', async t => {
    await world.sql(`UPDATE users SET roles = '{user}'`)
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

  test('ten deletions at once are one: one mail, one event', async t => {
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
    t.is(await mailsTo(account.email), 2)
    t.is((await eventsOf(account)).filter(type => type === 'user.deleted').length, 1)
  })
}

{
  // What is held on somebody is theirs to read: all of it, nobody else's, and no secret.

  const { client } = world

  const full = {
    full_name: 'Ada Lovelace',
    phone: '+442071234567',
    address: '12 St James’s Square, London',
    preferred_language: 'en-GB',
  }
  const exported = ({ access }: Pick<Account, 'access'>, query = '') =>
    client.get(`me/export${query}`, { token: access })
  const settled = () =>
    until('every mail to be settled', async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
      return queued.length === 0
    })
  type Mail = { kind: string; recipient: string; status: string | null; sent_at: string | null }
  type Event = { type: string; ip: string; user_agent: string }
  const withoutExports = (body: { emails: Mail[]; audit_events: Event[] }) => ({
    ...body,
    emails: body.emails.filter(({ kind }) => kind !== 'account_exported'),
    audit_events: body.audit_events.filter(({ type }) => type !== 'user.exported'),
  })
  const kindsOf = (mails: Mail[]) => mails.map(({ kind }) => kind)
  const typesOf = (events: Event[]) => events.map(({ type }) => type)

  test('everything is there, in the form that it has elsewhere', async t => {
    const account = await anAccount(client, full)
    const { body: login } = await client.post(
      'login',
      { email: account.email, password },
      { headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0' } },
    )
    await settled()
    const token = login.access_token
    const { status, headers, body } = await exported({ access: token })
    t.is(status, 200)
    t.is(headers.get('cache-control'), 'no-store')
    t.deepEqual(Object.keys(body), ['user', 'sessions', 'emails', 'audit_events', 'modules'])
    t.deepEqual(body.user, (await client.get('me', { token })).body)
    t.like(body.user, full)
    t.deepEqual(body.sessions, (await client.get('sessions', { token })).body.data)
    t.deepEqual(
      body.sessions.map(({ id, current }: { id: string; current: boolean }) => [id, current]),
      [
        [login.session_id, true],
        [account.sessionId, false],
      ],
    )
    t.deepEqual(typesOf(body.audit_events), ['user.registered', 'login.succeeded'])
    t.is(body.audit_events[0].ip, '127.0.0.1')
    t.regex(body.audit_events[1].user_agent, /Firefox/)
    const [mail] = body.emails as Mail[]
    t.like(mail, { kind: 'verify_email', recipient: account.email, status: 'sent' })
    t.true(Date.parse(mail?.sent_at ?? '') > 0)
  })

  test('every column of an account is exported, but for those that are inner works', async t => {
    const { body } = await exported(await anAccount(client))
    const inner = ['password_hash', 'password_proven_at', 'session_epoch', 'failed_logins', 'erase_after']
    const held = Object.keys(Users.options.columns).filter(name => !inner.includes(name))
    t.deepEqual(Object.keys(body.user).sort(), [...held, 'mfa_enabled'].sort())
  })

  test('it grows with each thing that is done', async t => {
    const account = await anAccount(client)
    const { email, access: token } = account
    const verifying = await world.mails.to(email)
    const moved = anEmail()
    const steps: [what: string, act: () => Promise<unknown>, types: string[], kinds: string[]][] = [
      [
        'a wrong password',
        () => client.post('login', { email, password: 'wrong horse 9' }),
        ['login.failed'],
        [],
      ],
      [
        'a verified address',
        () => client.post('verify-email', { token: tokenOf(verifying.link) }),
        ['user.email_verified'],
        ['welcome'],
      ],
      ['a forgotten password', () => client.post('forgot-password', { email }), [], ['reset_password']],
      ['one more verification', () => client.post('resend-verification', { email }), [], ['verify_email']],
      [
        'a change of address',
        () => client.post('change-email', { current_password: password, new_email: moved }, { token }),
        ['email.change_requested'],
        ['email_change'],
      ],
    ]
    // Each export makes an event and an email, too.
    const types = ['user.registered']
    const kinds = ['verify_email']
    for (const [what, act, newTypes, newKinds] of steps) {
      await act()
      types.push(...newTypes)
      kinds.push(...newKinds)
      await settled()
      const { body } = await exported(account)
      t.deepEqual(typesOf(body.audit_events), types, what)
      t.deepEqual(kindsOf(body.emails), kinds, what)
      types.push('user.exported')
      kinds.push('account_exported')
    }
    const { body } = await exported(account)
    t.is(body.emails.findLast(({ kind }: Mail) => kind === 'email_change').recipient, moved)
  })

  test('no secret is part of it', async t => {
    const account = await anAccount(client, full)
    const { email } = account
    const verifying = await world.mails.to(email)
    await client.post('forgot-password', { email })
    const reset = await world.mails.to(email, 2)
    const { body: next } = await client.post('refresh', { refresh_token: account.refresh })
    const [row] = await world.sql<{ password_hash: string }>(
      'SELECT password_hash FROM users WHERE id = $1',
      [account.userId],
    )
    const session = await world.redis.hgetall(world.keys.session(account.userId, account.sessionId))
    const proof = await world.redis.hgetall(world.keys.proof(account.userId, 'reset_password'))
    const { text, body } = await exported(account)
    const secrets = [
      ...[password, row?.password_hash, session.current, proof.token, proof.code],
      ...[account.access, account.refresh, next.access_token, next.refresh_token],
      ...[verifying, reset].flatMap(({ link, code }) => [tokenOf(link), `"${code}"`]),
    ]
    for (const [i, secret] of secrets.entries()) {
      t.truthy(secret, `secret ${i}`)
      t.false(text.includes(secret ?? ''), `secret ${i}`)
    }
    t.notRegex(text, /lk[rp]_|v4\.public|\$2b\$|epoch|hash|password_hash|erase_after|last_error|sweep|proof/)
    const shape = (list: object[]) => Object.keys(list[0] ?? {})
    t.deepEqual(shape(body.emails), ['kind', 'recipient', 'status', 'created_at', 'sent_at'])
    t.deepEqual(shape(body.audit_events), ['type', 'ip', 'user_agent', 'data', 'created_at'])
  })

  test('it is one’s own and nobody else’s, whatever is asked for', async t => {
    const [mine, yours] = [await anAccount(client), await anAccount(client, { full_name: 'Canaria' })]
    // Neither what I did to others, nor who did something to me, is mine to read more of than that it was done.
    await world.sql(
      `INSERT INTO audit_events (id, type, user_id, actor_id, ip, user_agent)
     VALUES (gen_random_uuid(), 'user.deactivated', $1, $2, '203.0.113.9', 'canary')`,
      [yours.userId, mine.userId],
    )
    await client.post('forgot-password', { email: yours.email })
    await settled()
    const { text: plain, body: first } = await exported(mine)
    for (const query of [`?user_id=${yours.userId}`, `?id=${yours.userId}`, `?email=${yours.email}`]) {
      const { status, body } = await exported(mine, query)
      if (status !== 200) t.is(status, 400)
      else t.deepEqual(withoutExports(body), withoutExports(first))
    }
    for (const word of [yours.userId, yours.email, yours.sessionId, 'Canaria', 'canary', '203.0.113.9'])
      t.false(plain.includes(word))
    for (const token of [undefined, mine.refresh, `${mine.access}x`])
      t.is((await client.get('me/export', { token })).status, 401)
  })

  test('whether the mail to a new address was sent, and so whether somebody has it, is not told', async t => {
    const { email: taken } = await anAccount(client)
    const account = await anAccount(client)
    const free = anEmail()
    for (const new_email of [taken, free])
      await client.post('change-email', { current_password: password, new_email }, { token: account.access })
    await settled()
    const { emails } = (await exported(account)).body
    const asked = (emails as Mail[]).filter(({ kind }) => kind === 'email_change')
    t.deepEqual(
      asked.map(({ recipient, status, sent_at }) => [recipient, status, sent_at]),
      [
        [taken, null, null],
        [free, null, null],
      ],
    )
  })

  test('where an administrator works is not told', async t => {
    const [admin, account] = [await anAccount(client), await anAccount(client)]
    await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [admin.userId])
    const headers = { 'user-agent': 'console of the administrator' }
    const path = `/api/v1/admin/users/${account.userId}/logout`
    t.is((await client.send('POST', path, { token: admin.access, headers })).status, 204)
    const { body } = await client.post('login', { email: account.email, password })
    const events: Event[] = (await exported({ access: body.access_token })).body.audit_events
    t.like(
      events.find(({ type }) => type === 'sessions.ended'),
      { ip: null, user_agent: null },
    )
  })
}
