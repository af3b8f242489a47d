import anyTest from 'ava'
import pg from 'pg'
import { Users } from '../../../src/features/users/entity.ts'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { type HttpRequest, openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { waitForLink } from '../email-change/change-email.ts'

// Account deletion ends all sessions and tokens at once, also while two instances serve concurrent requests.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  // Race conditions: logins, refreshes and undo requests arrive at the same time as a deletion.

  const { client, sql } = world
  const urls = [world.url, other.url]

  const remove = ({ access }: Account): HttpRequest => ({
    method: 'DELETE',
    path: 'me',
    token: access,
    body: { password },
  })
  const undoRequest = (token: string): HttpRequest => ({ path: 'undo-deletion', body: { token } })
  const loginRequest = ({ email }: Account): HttpRequest => ({ path: 'login', body: { email, password } })
  const login = (account: Account) => client.post('login', { email: account.email, password })
  const isDeleted = async ({ userId }: Account): Promise<boolean> =>
    (await sql('SELECT 1 FROM users WHERE id = $1 AND erase_after IS NOT NULL', [userId])).length === 1
  const eventsOf = async ({ userId }: Account, type: string): Promise<number> =>
    (await sql('SELECT 1 FROM audit_events WHERE user_id = $1 AND type = $2', [userId, type])).length
  const deletionEmails = ({ userId }: Account) =>
    sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'account_deleted'`, [userId])
  /** Sets the same password again with the reset link that an undo mails. */
  const resetPassword = async ({ email }: Account, count = 1) => {
    const { token } = await waitForLink(world, email, 'reset-password', count)
    return (await client.post('reset-password', { token, new_password: password })).status
  }
  const undoLink = async ({ email }: Account, count = 1): Promise<string> =>
    (await waitForLink(world, email, 'undo-deletion', count)).token

  /** True if no access token and no refresh token in these replies works. */
  const allRefused = async (replies: Reply[]): Promise<boolean> => {
    const given = replies.map(({ body }) => body).filter(body => body?.access_token)
    for (const { access_token, refresh_token } of given) {
      const answers = [
        await client.get('me', { token: access_token }),
        await other.client.post('refresh', { refresh_token }),
      ]
      if (answers.some(({ status }) => status !== 401)) return false
    }
    return true
  }

  test('40 simultaneous deletions of one account → one succeeds, one event, one email', async t => {
    const account = await anAccount(client)
    const replies = await sendSimultaneously(urls, times(40, remove(account)))
    t.deepEqual(statusesOf(replies), { 204: 1, 401: 39 })
    t.true(replies.every(({ status, body }) => status === 204 || body.code === 'SESSION_REVOKED'))
    t.true(await isDeleted(account))
    t.is(await eventsOf(account, 'user.deleted'), 1)
    t.is((await deletionEmails(account)).length, 1)
  })

  test('login or refresh at the same time as a deletion → its tokens do not work, not even after an undo', async t => {
    for (const at of [0, 3, 6, 9, 12]) {
      const account = await anAccount(client)
      const refresh = { path: 'refresh', body: { refresh_token: account.refresh } }
      const requests = times(12, i => (i % 4 < 2 ? loginRequest(account) : refresh))
      const order = at % 2 ? urls : [...urls].reverse()
      const replies = await sendSimultaneously(order, requests.toSpliced(at, 0, remove(account)))
      t.is(replies[at]?.status, 204)
      t.true(replies.every(({ status }) => [200, 204, 401, 403].includes(status)))
      t.true(await allRefused(replies))
      t.is((await client.get('me', { token: account.access })).status, 401)
      t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 401)
      t.is((await login(account)).body.code, 'ACCOUNT_DEACTIVATED')
      // An undo must not revive these tokens.
      const token = await undoLink(account)
      t.is((await client.post('undo-deletion', { token })).status, 204)
      t.true(await allRefused(replies))
    }
  })

  test('40 simultaneous undo requests with one link → all succeed, one event; the link undoes one deletion', async t => {
    const account = await anAccount(client)
    t.deepEqual(statusesOf(await sendSimultaneously(urls, [remove(account)])), { 204: 1 })
    const token = await undoLink(account)
    const replies = await sendSimultaneously(urls, times(40, undoRequest(token)))
    t.deepEqual(statusesOf(replies), { 204: 40 })
    t.false(await isDeleted(account))
    t.is(await eventsOf(account, 'user.deletion_undone'), 1)
    t.is(await resetPassword(account), 204)
    const session = await login(account)
    t.is(session.status, 200)
    t.is((await client.get('me', { token: account.access })).status, 401)

    const again = { ...account, access: session.body.access_token }
    t.deepEqual(statusesOf(await sendSimultaneously(urls, [remove(again)])), { 204: 1 })
    t.deepEqual(
      statusesOf(await sendSimultaneously(urls, times(10, undoRequest(token)))),
      { 401: 10 },
      'a link undoes only its own deletion',
    )
    t.true(await isDeleted(account))
    t.deepEqual(statusesOf(await sendSimultaneously(urls, [undoRequest(await undoLink(account, 2))])), {
      204: 1,
    })
    t.false(await isDeleted(account))
  })

  test('login with the old password at the same time as an undo → refused until the password is reset', async t => {
    for (const at of [0, 4, 8, 12]) {
      const account = await anAccount(client)
      await sendSimultaneously(urls, [remove(account)])
      const token = await undoLink(account)
      const requests = times(12, loginRequest(account))
      const replies = await sendSimultaneously(urls, requests.toSpliced(at, 0, undoRequest(token)))
      t.is(replies.splice(at, 1)[0]?.status, 204)
      for (const { body } of replies)
        t.true(['ACCOUNT_DEACTIVATED', 'INVALID_CREDENTIALS'].includes(body.code), body.code)
      t.is((await login(account)).body.code, 'INVALID_CREDENTIALS')
      t.is(await resetPassword(account), 204)
      t.is((await login(account)).status, 200)
    }
  })

  test('an administrator deletes an account while its owner undoes the deletion → the account stays deleted', async t => {
    const admin = await anAccount(client)
    await sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [admin.userId])
    for (let at = 0; at <= 4; at++) {
      const account = await anAccount(client)
      await sendSimultaneously(urls, [remove(account)])
      const token = await undoLink(account)
      const adminDeletion = {
        method: 'DELETE',
        path: `/api/v1/admin/users/${account.userId}`,
        token: admin.access,
      }
      const replies = await sendSimultaneously(
        urls,
        times(4, undoRequest(token)).toSpliced(at, 0, adminDeletion),
      )
      t.is(replies[at]?.status, 204)
      t.true(await isDeleted(account))
      t.is((await client.post('undo-deletion', { token })).status, 401)
    }
  })
}

{
  // A deletion needs the password, and leaves no token, session or mailed link of the account usable.

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
    until(`no email to ${email} is queued`, async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued' AND recipient = $1`, [
        email,
      ])
      return queued.length === 0
    })
  const eventsOf = async ({ userId }: Account) =>
    (await world.sql<{ type: string }>('SELECT type FROM audit_events WHERE user_id = $1', [userId])).map(
      ({ type }) => type,
    )

  /** A new account whose verification email has arrived. */
  const aMailedAccount = async (given: Record<string, unknown> = {}) => {
    const account = await anAccount(world.client, given)
    const { link, code } = await world.mails.to(account.email)
    await settled(account.email)
    return { ...account, verifying: { token: tokenOf(link), code } }
  }

  test('deletion with a wrong password → 403, and only the audit event of the refusal is stored', async t => {
    const account = await aMailedAccount()
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

  test('deletion with the right password but without a valid access token → 401, and nothing changes', async t => {
    const account = await aMailedAccount()
    const before = await stateOf(account)
    for (const token of [undefined, account.refresh, `${account.access}x`]) {
      const { status } = await world.client.send('DELETE', 'me', { token, body: { password } })
      t.is(status, 401)
    }
    t.deepEqual(await stateOf(account), before)
  })

  test('deletion of an account without a password → 403 for every password', async t => {
    const account = await aMailedAccount()
    await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [account.userId])
    for (const tried of [password, 'null', ' '])
      t.is((await remove(account, { password: tried })).status, 403)
    t.is((await world.client.get('me', { token: account.access })).status, 200)
  })

  test('an account is deleted → every instance refuses its tokens; other accounts stay signed in', async t => {
    const account = await aMailedAccount()
    const bystander = await anAccount(world.client)
    const { email } = account
    const tokens = [account]
    for (const client of clients) {
      const { body } = await client.post('login', { email, password })
      tokens.push({ ...account, access: body.access_token, refresh: body.refresh_token })
    }
    const { body: next } = await world.client.post('refresh', { refresh_token: account.refresh })
    tokens.push({ ...account, access: next.access_token, refresh: next.refresh_token })
    // Fill the token cache of both instances, so that a stale cache entry would show.
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

  test('login to a deleted account → 403 ACCOUNT_DEACTIVATED with the right password, 401 with a wrong one', async t => {
    const account = await aMailedAccount()
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

  test('registration with the address of a deleted account that can still be restored → 409', async t => {
    const account = await aMailedAccount()
    await remove(account)
    const reply = await world.client.post('register', { email: account.email, password: 'another horse 10' })
    t.is(reply.status, 409)
  })

  test('links and codes mailed before a deletion → 401 after the deletion and after an undo', async t => {
    const { client } = world
    const account = await aMailedAccount()
    const { email, verifying, access } = account
    const newEmail = anEmail()
    await client.post('forgot-password', { email })
    await client.post('change-email', { current_password: password, new_email: newEmail }, { token: access })
    const [reset, change] = [await world.mails.to(email, 2), await world.mails.to(newEmail)]
    t.is((await client.post('verify-reset-token', { token: tokenOf(reset.link) })).status, 200)

    await remove(account)
    const [before] = await stateOf(account)
    const mailedTokens: [path: string, body: Record<string, string>][] = [
      ['verify-email', { token: verifying.token }],
      ['verify-email', { email, code: verifying.code }],
      ['verify-reset-token', { token: tokenOf(reset.link) }],
      ['verify-reset-token', { email, code: reset.code }],
      ['reset-password', { token: tokenOf(reset.link), new_password: 'another horse 10' }],
      ['reset-password', { email, code: reset.code, new_password: 'another horse 10' }],
      ['confirm-email', { token: tokenOf(change.link) }],
      ['confirm-email', { email: newEmail, code: change.code }],
    ]
    for (const [path, body] of mailedTokens) {
      const reply = await client.post(path, body)
      t.is(reply.status, 401, path)
      t.is(reply.body.code, 'INVALID_TOKEN', path)
    }
    t.deepEqual((await stateOf(account))[0], before)

    const { link } = await world.mails.to(email, 3)
    t.is((await client.post('undo-deletion', { token: tokenOf(link) })).status, 204)
    for (const [path, body] of mailedTokens)
      t.is((await client.post(path, body)).status, 401, `${path} after the undo`)
  })

  test('a deleted account is mailed its undo link, and the same link again on forgot-password', async t => {
    const account = await aMailedAccount({ preferred_language: 'es', full_name: 'Ada Lovelace' })
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
    t.is(again.link, link, 'every email carries the same link')
    t.is(again.mail.subject, mail.subject)
    t.not(again.mail.messageId, mail.messageId)
    t.true(again.mail.text?.includes('12'), 'the days that are left now')
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

  test('an email is still queued when the account is deleted → it is dropped', async t => {
    const account = await aMailedAccount()
    const { email, userId } = account
    // Queued, but the worker does not see it before `sweep_after`.
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

  test('the session epoch is raised while a deletion waits for the row lock → the deletion gets 401', async t => {
    const account = await aMailedAccount()
    const holder = new pg.Client({ connectionString: world.env.DATABASE_URL })
    await holder.connect()
    t.teardown(() => holder.end())
    await holder.query('BEGIN')
    await holder.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [account.userId])
    const removing = remove(account)
    await until('the deletion waits for the row lock', async () => {
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

  test('the last administrator deletes the own account → 403; one of two administrators → 204', async t => {
    await world.sql(`UPDATE users SET roles = '{user}'`)
    const [last, next] = [await aMailedAccount(), await aMailedAccount()]
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
    t.is((await remove(next)).status, 403, 'a deleted administrator does not count')
  })

  test('10 simultaneous deletions over both instances → one succeeds, one email, one event', async t => {
    const account = await aMailedAccount()
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, i) => remove(account, { password }, clients[i % 2])),
    )
    // The other requests find no session, or lose it while their password is compared.
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
  // The export holds all data of its own account, no data of other accounts, and no secret.

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
    until('no email is queued', async () => {
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

  test('export → user, sessions, emails and events, each in the form that the other routes use', async t => {
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
    t.deepEqual(Object.keys(body), ['user', 'sessions', 'factors', 'emails', 'audit_events', 'modules'])
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

  test('export → every column of users except the internal ones', async t => {
    const { body } = await exported(await anAccount(client))
    const internal = ['password_hash', 'password_proven_at', 'session_epoch', 'failed_logins', 'erase_after']
    // `mfa_enabled` and `factors` show it.
    internal.push('factor_types')
    const exportedColumns = Object.keys(Users.options.columns).filter(name => !internal.includes(name))
    t.deepEqual(Object.keys(body.user).sort(), [...exportedColumns, 'mfa_enabled'].sort())
  })

  test('export after each further action → its events and emails are included', async t => {
    const account = await anAccount(client)
    const { email, access: token } = account
    const verifying = await world.mails.to(email)
    const newEmail = anEmail()
    const steps: [what: string, act: () => Promise<unknown>, types: string[], kinds: string[]][] = [
      [
        'a wrong password',
        () => client.post('login', { email, password: 'wrong horse 9' }),
        ['login.failed'],
        [],
      ],
      [
        'a verification of the address',
        () => client.post('verify-email', { token: tokenOf(verifying.link) }),
        ['user.email_verified'],
        ['welcome'],
      ],
      ['a reset request', () => client.post('forgot-password', { email }), [], ['reset_password']],
      ['a new verification email', () => client.post('resend-verification', { email }), [], ['verify_email']],
      [
        'a change of email',
        () => client.post('change-email', { current_password: password, new_email: newEmail }, { token }),
        ['email.change_requested'],
        ['email_change'],
      ],
    ]
    // Each export itself adds an event and an email.
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
    t.is(body.emails.findLast(({ kind }: Mail) => kind === 'email_change').recipient, newEmail)
  })

  test('export → no password, hash, token or code', async t => {
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
    const resetToken = await world.redis.hgetall(world.keys.oneTimeToken(account.userId, 'reset_password'))
    const { text, body } = await exported(account)
    const secrets = [
      ...[password, row?.password_hash, session.current, resetToken.token, resetToken.code],
      ...[account.access, account.refresh, next.access_token, next.refresh_token],
      ...[verifying, reset].flatMap(({ link, code }) => [tokenOf(link), `"${code}"`]),
    ]
    for (const [i, secret] of secrets.entries()) {
      t.truthy(secret, `secret ${i}`)
      t.false(text.includes(secret ?? ''), `secret ${i}`)
    }
    t.notRegex(
      text,
      /lk[rp]_|v4\.public|\$2b\$|epoch|hash|password_hash|erase_after|last_error|sweep|proof_used_at|proof_spent_at/,
    )
    const shape = (list: object[]) => Object.keys(list[0] ?? {})
    t.deepEqual(shape(body.emails), ['kind', 'recipient', 'status', 'created_at', 'sent_at'])
    t.deepEqual(shape(body.audit_events), ['type', 'ip', 'user_agent', 'data', 'created_at'])
  })

  test('export with the id or email of another account in the query → data of the own account only', async t => {
    const [mine, yours] = [await anAccount(client), await anAccount(client, { full_name: 'Canaria' })]
    // The export holds no event of another account, even if this account caused it.
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

  test('export after a change to a taken and a free address → no email status that would tell them apart', async t => {
    const { email: taken } = await anAccount(client)
    const account = await anAccount(client)
    const free = anEmail()
    for (const new_email of [taken, free])
      await client.post('change-email', { current_password: password, new_email }, { token: account.access })
    await settled()
    const { emails } = (await exported(account)).body
    const emailChanges = (emails as Mail[]).filter(({ kind }) => kind === 'email_change')
    t.deepEqual(
      emailChanges.map(({ recipient, status, sent_at }) => [recipient, status, sent_at]),
      [
        [taken, null, null],
        [free, null, null],
      ],
    )
  })

  test('export after an action of an administrator → their IP address and user agent are hidden', async t => {
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
