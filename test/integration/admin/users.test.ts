import anyTest from 'ava'
import pg from 'pg'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { type HttpRequest, openPools, sendSimultaneously } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { adminActions, anAdmin, usersPath } from './admin-account.ts'

// Changes that an administrator makes to users: activation, roles, deletion, logout.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
const ada = await anAdmin(world)
await openPools(world, other)
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  const clients = [world.client, other.client]
  const { change, read } = adminActions(other.client, ada.access)

  type Session = { access: string; refresh: string }
  const login = (email: string, given = password) => world.client.post('login', { email, password: given })
  const signIn = async (email: string): Promise<Session> => {
    const { status, body } = await login(email)
    if (status !== 200) throw new Error(`login answered ${status}`)
    return { access: body.access_token, refresh: body.refresh_token }
  }
  const rowOf = async (id: string) =>
    (await world.sql<Record<string, unknown>>('SELECT * FROM users WHERE id = $1', [id]))[0]
  const eventsOf = async (id: string) =>
    (
      await world.sql<{ type: string }>('SELECT type FROM audit_events WHERE user_id = $1 ORDER BY id', [id])
    ).map(({ type }) => type)

  /** The distinct error codes that both instances return for the tokens of a session. */
  const codesOf = async ({ access, refresh }: Session): Promise<string[]> => {
    const codes: string[] = []
    for (const client of clients) {
      codes.push((await client.get('me', { token: access })).body.code)
      codes.push((await client.post('refresh', { refresh_token: refresh })).body.code)
      codes.push((await client.get('sessions', { token: access })).body.code)
    }
    return [...new Set(codes)].sort()
  }
  const refusedCodes = ['INVALID_REFRESH_TOKEN', 'SESSION_REVOKED']

  test('a user is deactivated → every instance refuses all tokens at once', async t => {
    const account = await anAccount(world.client)
    const sessions = [account, await signIn(account.email), await signIn(account.email)]
    const reply = await change(account.userId, { is_active: false })
    t.is(reply.status, 200)
    t.is(reply.body.is_active, false)
    for (const session of sessions) t.deepEqual(await codesOf(session), refusedCodes)
    t.is(await world.redis.zcard(world.keys.sessions(account.userId)), 0)
  })

  test('login or refresh at the same time as a deactivation → the new tokens are refused', async t => {
    const account = await anAccount(world.client)
    const sessions = [await signIn(account.email), await signIn(account.email), await signIn(account.email)]
    const pending = [
      ...sessions.flatMap(({ refresh }) =>
        clients.map(client => client.post('refresh', { refresh_token: refresh })),
      ),
      ...clients.flatMap(client =>
        Array.from({ length: 4 }, () => client.post('login', { email: account.email, password })),
      ),
    ]
    t.is((await change(account.userId, { is_active: false })).status, 200)
    for (const { status, body } of await Promise.all(pending)) {
      t.true([200, 401, 403].includes(status))
      if (status === 200)
        t.deepEqual(await codesOf({ access: body.access_token, refresh: body.refresh_token }), refusedCodes)
    }
  })

  test('login of a deactivated user → 403 with the right password, a wrong one as for an unknown user', async t => {
    const { email, userId } = await anAccount(world.client)
    await change(userId, { is_active: false })
    const right = await login(email)
    t.is(right.status, 403)
    t.is(right.body.code, 'ACCOUNT_DEACTIVATED')
    t.is(right.headers.get('set-cookie'), null)
    const [wrong, unknown] = [await login(email, 'wrong horse 10'), await login(anEmail(), 'wrong horse 10')]
    t.is(wrong.status, 401)
    const { request_id: _, ...wrongBody } = wrong.body
    const { request_id: __, ...unknownBody } = unknown.body
    t.is(wrongBody.code, 'INVALID_CREDENTIALS')
    t.deepEqual(wrongBody, unknownBody)
  })

  test('a user is deactivated → links and codes mailed before are refused', async t => {
    const account = await anAccount(world.client)
    const { email, userId, access } = account
    const verifying = await world.mails.to(email)
    await world.client.post('forgot-password', { email })
    const resetting = await world.mails.to(email, 2)
    const newEmail = anEmail()
    await world.client.post(
      'change-email',
      { current_password: password, new_email: newEmail },
      { token: access },
    )
    const moving = await world.mails.to(newEmail)

    t.is((await change(userId, { is_active: false })).status, 200)
    const before = await rowOf(userId)
    const new_password = 'another horse 10'
    const mailedTokens: [string, Record<string, string>][] = [
      ['verify-email', { email, code: verifying.code }],
      ['verify-email', { token: tokenOf(verifying.link) }],
      ['reset-password', { email, code: resetting.code, new_password }],
      ['reset-password', { token: tokenOf(resetting.link), new_password }],
      ['confirm-email', { email: newEmail, code: moving.code }],
      ['confirm-email', { token: tokenOf(moving.link) }],
    ]
    for (const [path, body] of mailedTokens) {
      const reply = await world.client.post(path, body)
      t.is(reply.status, 401, path)
      t.is(reply.body.code, 'INVALID_TOKEN')
    }
    t.deepEqual(await rowOf(userId), before)
    t.is((await login(email)).body.code, 'ACCOUNT_DEACTIVATED')
  })

  test('a deactivated user requests emails → 202 as always, and the emails are dropped', async t => {
    const { email, userId } = await anAccount(world.client)
    await world.mails.to(email)
    await change(userId, { is_active: false })
    for (const path of ['forgot-password', 'resend-verification'])
      t.is((await world.client.post(path, { email })).status, 202)
    const statuses = async () =>
      (
        await world.sql<{ status: string }>('SELECT status FROM emails WHERE recipient = $1 ORDER BY id', [
          email,
        ])
      ).map(({ status }) => status)
    await until('no email is queued', async () => !(await statuses()).includes('queued'))
    t.deepEqual(await statuses(), ['sent', 'dropped', 'dropped'])
    t.is((await world.mails.sentTo(email)).length, 1)
  })

  test('a user is activated again → login works, and the old sessions stay revoked', async t => {
    const account = await anAccount(world.client)
    const { email, userId } = account
    const sessions = [account, await signIn(email)]
    await change(userId, { is_active: false })
    const reply = await change(userId, { is_active: true })
    t.is(reply.status, 200)
    t.is(reply.body.is_active, true)
    for (const session of sessions) t.deepEqual(await codesOf(session), refusedCodes)
    const { access } = await signIn(email)
    t.is((await other.client.get('me', { token: access })).status, 200)
    t.deepEqual(await eventsOf(userId), [
      'user.registered',
      'login.succeeded',
      'user.deactivated',
      'user.activated',
      'login.succeeded',
    ])
  })

  test('Redis restores a session from before a deactivation and activation → it stays revoked', async t => {
    const account = await anAccount(world.client)
    const { redis, keys } = world
    const key = keys.session(account.userId, account.sessionId)
    const saved = await redis.dumpBuffer(key)
    await change(account.userId, { is_active: false })
    await change(account.userId, { is_active: true })
    t.is(await redis.exists(key), 0)
    await redis.restore(key, 0, saved)
    t.is((await world.client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
    t.is((await other.client.post('refresh', { refresh_token: account.refresh })).status, 401)
  })

  test('a change to the current values → no session is revoked and no event is stored', async t => {
    const { userId, access } = await anAccount(world.client)
    for (const body of [{}, { is_active: true }, { roles: ['user'] }, { roles: ['user', 'user'] }])
      t.is((await change(userId, body)).status, 200)
    t.is((await world.client.get('me', { token: access })).status, 200)
    t.deepEqual(await eventsOf(userId), ['user.registered'])
    await change(userId, { is_active: false })
    const { session_epoch } = (await rowOf(userId)) ?? {}
    await change(userId, { is_active: false })
    t.is((await rowOf(userId))?.session_epoch, session_epoch)
    t.deepEqual(await eventsOf(userId), ['user.registered', 'user.deactivated'])
    t.is((await read(userId)).body.is_active, false)
  })
}

{
  const clients = [world.client, other.client]
  const { remove, read, logout, list } = adminActions(other.client, ada.access)

  const login = (email: string, given = password) => world.client.post('login', { email, password: given })
  const allRefused = async ({ access, refresh }: Pick<Account, 'access' | 'refresh'>): Promise<boolean> => {
    for (const client of clients) {
      const me = await client.get('me', { token: access })
      const refreshed = await client.post('refresh', { refresh_token: refresh })
      if (me.body.code !== 'SESSION_REVOKED' || refreshed.body.code !== 'INVALID_REFRESH_TOKEN') return false
    }
    return true
  }
  const signIn = async (email: string) => {
    const { body } = await login(email)
    return { access: body.access_token, refresh: body.refresh_token }
  }
  const eventsOf = (userId: string, type: string) =>
    world.sql<{ actor_id: string }>('SELECT actor_id FROM audit_events WHERE user_id = $1 AND type = $2', [
      userId,
      type,
    ])

  test('an administrator deletes a user → all tokens and logins are refused at every instance', async t => {
    const account = await anAccount(world.client)
    const { email, userId } = account
    await world.mails.to(email)
    const second = await signIn(email)
    const reply = await remove(userId)
    t.is(reply.status, 204)
    t.is(reply.text, '')
    for (const session of [account, second]) t.true(await allRefused(session))
    t.is((await login(email, 'wrong horse 10')).body.code, 'INVALID_CREDENTIALS')
    t.is((await login(email)).status, 403)
    t.deepEqual(await eventsOf(userId, 'user.deleted'), [{ actor_id: ada.userId }])

    t.is((await world.client.post('forgot-password', { email })).status, 202)
    await until('the email is dropped', async () => {
      const [row] = await world.sql<{ status: string }>(
        `SELECT status FROM emails WHERE recipient = $1 AND kind = 'reset_password'`,
        [email],
      )
      return row?.status === 'dropped'
    })
    t.is((await world.mails.sentTo(email)).length, 1, 'only the first email')
  })

  test('login or refresh at the same time as a deletion → the new tokens are refused', async t => {
    const account = await anAccount(world.client)
    const pending = clients.flatMap(client => [
      client.post('login', { email: account.email, password }),
      client.post('refresh', { refresh_token: account.refresh }),
      client.post('login', { email: account.email, password }),
    ])
    t.is((await remove(account.userId)).status, 204)
    for (const { status, body } of await Promise.all(pending))
      if (status === 200)
        t.true(
          await allRefused({ access: body.access_token, refresh: body.refresh_token }),
          'a session that began before the deletion',
        )
    t.true(await allRefused(account))
  })

  test('an administrator deletes a user → links and codes mailed before are refused', async t => {
    const { email, access, userId } = await anAccount(world.client)
    const verifying = await world.mails.to(email)
    await world.client.post('verify-email', { token: tokenOf(verifying.link) })
    const newEmail = anEmail()
    await world.client.post(
      'change-email',
      { current_password: password, new_email: newEmail },
      { token: access },
    )
    await world.client.post('confirm-email', { token: tokenOf((await world.mails.to(newEmail)).link) })
    const undoing = await world.mails.to(email, 1, 'undo-email-change')
    await world.client.post('forgot-password', { email: newEmail })
    const resetting = await world.mails.to(newEmail, 1, 'reset-password')

    t.is((await remove(userId)).status, 204)
    const before = await world.sql('SELECT * FROM users WHERE id = $1', [userId])
    const mailedTokens: [string, Record<string, string>][] = [
      ['undo-email-change', { token: tokenOf(undoing.link) }],
      ['undo-deletion', { token: tokenOf(undoing.link) }],
      ['reset-password', { token: tokenOf(resetting.link), new_password: 'another horse 10' }],
      ['reset-password', { email: newEmail, code: resetting.code, new_password: 'another horse 10' }],
    ]
    for (const [path, body] of mailedTokens)
      t.is((await world.client.post(path, body)).body.code, 'INVALID_TOKEN', path)
    t.deepEqual(await world.sql('SELECT * FROM users WHERE id = $1', [userId]), before)
  })

  test('an administrator deletes an account that its owner had deleted → the undo link is refused', async t => {
    const { email, access, userId } = await anAccount(world.client)
    await world.mails.to(email)
    await world.client.send('DELETE', 'me', { token: access, body: { password } })
    const { link } = await world.mails.to(email, 2)
    t.is((await remove(userId)).status, 204)
    t.is((await world.client.post('undo-deletion', { token: tokenOf(link) })).status, 401)
    await world.run('eraseAccounts')
    t.is((await read(userId)).status, 404, 'erased without the 30 days of delay')
  })

  test('an administrator deletes a user → the next erasure job erases it, and the address is free', async t => {
    const account = await anAccount(world.client, { full_name: 'Gone Soon' })
    const { email, userId } = account
    await remove(userId)
    t.is((await remove(userId)).status, 204, 'a repeated deletion')
    t.is((await world.client.post('register', { email, password })).body.code, 'USER_EXISTS')
    t.true((await world.run('eraseAccounts')) >= 1)
    for (const reply of [await read(userId), await remove(userId), await logout(userId)])
      t.is(reply.status, 404)
    t.deepEqual((await list('search=gone')).body.data, [])
    t.deepEqual(await world.sql('SELECT 1 FROM emails WHERE recipient = $1', [email]), [])

    const right = await login(email)
    t.is(right.status, 401)
    t.is(right.body.code, 'INVALID_CREDENTIALS')
    t.true(await allRefused(account))

    const newAccount = await anAccount(world.client, { email })
    t.not(newAccount.userId, userId)
    t.true(await allRefused(account))
    t.is((await world.client.get('me', { token: newAccount.access })).status, 200)
  })

  test('an administrator signs a user out → all sessions are revoked, and a new login works', async t => {
    const account = await anAccount(world.client)
    const { email, userId } = account
    const [second, bystander] = [await signIn(email), await anAccount(world.client)]
    const reply = await logout(userId)
    t.is(reply.status, 204)
    t.is(reply.text, '')
    for (const session of [account, second]) t.true(await allRefused(session))
    t.is((await world.client.get('me', { token: bystander.access })).status, 200)
    t.is((await world.client.get('me', { token: ada.access })).status, 200)
    t.deepEqual(await eventsOf(userId, 'sessions.ended'), [{ actor_id: ada.userId }])
    t.is((await login(email)).status, 200)
  })
}

{
  const { change, list } = adminActions(world.client, ada.access)

  const allUsers = () => world.sql('SELECT * FROM users ORDER BY id')
  const claimsOf = (token: string) => {
    const payload = Buffer.from(token.split('.')[2] ?? '', 'base64url').subarray(0, -64)
    return JSON.parse(payload.toString('utf8'))
  }
  const login = async (email: string) => (await other.client.post('login', { email, password })).body

  test('roles are changed → all sessions are revoked, and the next token has the new roles', async t => {
    const { email, userId, access, refresh } = await anAccount(world.client)
    t.deepEqual(claimsOf(access).roles, ['user'])
    const unverified = await change(userId, { roles: ['user', 'admin'] })
    t.is(unverified.body.code, 'EMAIL_NOT_VERIFIED')
    t.regex(unverified.body.detail, /can become an administrator/)
    await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [userId])
    for (const roles of [['user', 'admin'], ['admin'], ['user']]) {
      const before = await login(email)
      const reply = await change(userId, { roles })
      t.is(reply.status, 200)
      t.deepEqual(reply.body.roles, roles)
      for (const client of [world.client, other.client]) {
        t.is((await client.get('me', { token: before.access_token })).body.code, 'SESSION_REVOKED')
        t.is((await client.post('refresh', { refresh_token: before.refresh_token })).status, 401)
      }
      const after = await login(email)
      t.deepEqual(claimsOf(after.access_token).roles, roles)
      t.deepEqual(after.user.roles, roles)
      t.is(
        (await adminActions(other.client, after.access_token).list()).status,
        roles.includes('admin') ? 200 : 403,
      )
    }
    t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 401)
  })

  test('unknown roles or an empty list → 400; duplicate roles are merged', async t => {
    const { userId } = await anAccount(world.client)
    await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [userId])
    const before = await allUsers()
    const wrong: unknown[] = [
      [],
      ['root'],
      ['user', 'root'],
      ['Admin'],
      [' admin'],
      ['admin\0'],
      'admin',
      null,
      [null],
      [['admin']],
      [{ toString: 'admin' }],
      { 0: 'admin', length: 1 },
      Array(9).fill('user'),
    ]
    for (const roles of wrong) {
      const reply = await change(userId, { roles })
      t.is(reply.status, 400, JSON.stringify(roles))
      t.is(reply.body.code, 'VALIDATION_ERROR')
      t.notRegex(reply.text, /root/)
    }
    t.deepEqual(await allUsers(), before)
    t.deepEqual((await change(userId, { roles: ['admin', 'user', 'admin'] })).body.roles, ['admin', 'user'])
  })

  test('change of a field other than is_active and roles → 400 (mass assignment)', async t => {
    const { userId } = await anAccount(world.client)
    const before = await allUsers()
    const otherFields = {
      id: ada.userId,
      user_id: ada.userId,
      userId: ada.userId,
      actor_id: ada.userId,
      email: 'taken@example.com',
      email_verified: true,
      password: 'another horse 10',
      password_hash: '$2b$04$abcdefghijklmnopqrstuv',
      session_epoch: 0,
      erase_after: null,
      full_name: 'Mallory',
      mfa_enabled: false,
      created_at: '2020-01-01T00:00:00.000Z',
      role: 'admin',
      isActive: false,
      constructor: { prototype: { roles: ['admin'] } },
      prototype: { roles: ['admin'] },
    }
    for (const [name, value] of Object.entries(otherFields))
      for (const allowed of [{}, { is_active: false, roles: ['user', 'admin'] }]) {
        const reply = await change(userId, { ...allowed, [name]: value })
        t.is(reply.status, 400, name)
        t.is(reply.body.code, 'VALIDATION_ERROR')
      }
    t.deepEqual(await allUsers(), before)
  })

  test('a body with __proto__ or constructor → 400, and no prototype changes', async t => {
    const { userId, access } = await anAccount(world.client)
    const before = await allUsers()
    const raw = [
      '{"__proto__":{"roles":["user","admin"],"is_active":false}}',
      '{"is_active":false,"__proto__":{"roles":["admin"]}}',
      '{"constructor":{"prototype":{"roles":["admin"]}}}',
      '{"roles":{"__proto__":["admin"]}}',
    ]
    for (const body of raw) {
      const reply = await change(userId, body)
      t.is(reply.status, 400, body)
    }
    t.is((await change(userId, {})).status, 200)
    const same = before.map(row => ({ ...row, updated_at: null }))
    t.deepEqual(
      (await allUsers()).map(row => ({ ...row, updated_at: null })),
      same,
    )
    t.is((await adminActions(world.client, access).list()).status, 403, 'a later request of a user')
    t.is((await list()).status, 200)
    t.false('roles' in {})
  })
}

{
  // An authorized request may wait for a row lock while its sender loses the admin role.

  const waiting = async (): Promise<boolean> =>
    (
      await world.sql(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      )
    ).length > 0

  for (const act of ['change', 'remove'] as const)
    test(`${act}: the administrator is demoted while the request waits for a lock → 403`, async t => {
      const [ada] = [await anAdmin(world), await anAdmin(world)]
      const target = await anAccount(world.client)
      await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [target.userId])
      const holder = new pg.Client({ connectionString: world.env.DATABASE_URL })
      await holder.connect()
      try {
        await holder.query('BEGIN')
        await holder.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [ada.userId])
        const acts = adminActions(world.client, ada.access)
        const pending =
          act === 'change'
            ? acts.change(target.userId, { roles: ['user', 'admin'] })
            : acts.remove(target.userId)
        await until('the request waits for the lock', waiting)
        await holder.query(`UPDATE users SET roles = '{user}' WHERE id = $1`, [ada.userId])
        await holder.query('COMMIT')
        const reply = await pending
        t.is(reply.status, 403)
        t.is(reply.body.code, 'FORBIDDEN')
      } finally {
        await holder.end()
      }
      const [row] = await world.sql<{ roles: string[]; erase_after: Date | null }>(
        'SELECT roles, erase_after FROM users WHERE id = $1',
        [target.userId],
      )
      t.deepEqual(row, { roles: ['user'], erase_after: null })
    })
}

{
  // Race conditions: an administrator changes a user while the user signs in or refreshes. No old session may survive.

  const { client, sql } = world
  const urls = [world.url, other.url]

  type Act = { request: (userId: string) => HttpRequest; status: number; isClosed: boolean }
  const act = (body: unknown): Act['request'] => {
    const method = body === undefined ? 'DELETE' : 'PATCH'
    return userId => ({ method, path: `${usersPath}/${userId}`, token: ada.access, body })
  }
  const acts: Record<string, Act> = {
    deactivates: { request: act({ is_active: false }), status: 200, isClosed: true },
    demotes: { request: act({ roles: ['user'] }), status: 200, isClosed: false },
    deletes: { request: act(undefined), status: 204, isClosed: true },
  }

  const epochOf = async ({ userId }: Account) =>
    (await sql<{ session_epoch: number }>('SELECT session_epoch FROM users WHERE id = $1', [userId]))[0]
      ?.session_epoch

  const successBodies = (replies: Reply[]) =>
    replies.filter(({ status }) => status === 200).map(({ body }) => body)

  /** The roles that a token has at both instances; null if it is refused. */
  const rolesOf = async (token: string): Promise<string[] | null> => {
    const replies = [await client.get('me', { token }), await other.client.get('me', { token })]
    const [first] = replies
    return replies.every(({ status }) => status === 200) ? (first?.body.roles ?? null) : null
  }

  for (const [name, { request, status, isClosed }] of Object.entries(acts))
    test(`an administrator ${name} a user during logins and refreshes → all older sessions are revoked`, async t => {
      for (const at of [0, 4, 8, 12, 16]) {
        const account = await anAdmin(world)
        const { email, refresh } = account
        const before = Number(await epochOf(account))
        const requests = Array.from(
          { length: 16 },
          (_, i): HttpRequest =>
            i % 4 < 2
              ? { path: 'login', body: { email, password } }
              : { path: 'refresh', body: { refresh_token: refresh } },
        )
        const order = at % 8 ? urls : [...urls].reverse()
        const replies = await sendSimultaneously(order, requests.toSpliced(at, 0, request(account.userId)))
        const [done] = replies.splice(at, 1)
        t.is(done?.status, status)
        t.true(replies.every(({ status }) => [200, 401, 403].includes(status)))
        t.is(Number(await epochOf(account)), before + 1)

        t.is(await rolesOf(account.access), null)
        t.is((await client.post('refresh', { refresh_token: refresh })).status, 401)
        for (const { access_token, refresh_token } of successBodies(replies)) {
          const roles = await rolesOf(access_token)
          // A login after the demotion is valid, but without the admin role.
          t.true(roles === null || (!isClosed && roles.join() === 'user'), `${roles}`)
          const refreshed = await other.client.post('refresh', { refresh_token })
          t.is(refreshed.status === 200, roles !== null)
        }
        const again = await client.post('login', { email, password })
        t.is(again.body.code ?? again.status, isClosed ? 'ACCOUNT_DEACTIVATED' : 200)
      }
    })

  test('an administrator is demoted during own requests → each one either succeeds or changes nothing', async t => {
    for (const at of [0, 3, 6, 9, 12]) {
      const eve = await anAdmin(world)
      const targets = await Promise.all(Array.from({ length: 12 }, () => anAccount(client)))
      const requests: HttpRequest[] = targets.map(({ userId }) => ({
        method: 'PATCH',
        path: `${usersPath}/${userId}`,
        token: eve.access,
        body: { is_active: false },
      }))
      const demote = acts.demotes?.request(eve.userId) ?? { path: '' }
      const replies = await sendSimultaneously(urls, requests.toSpliced(at, 0, demote))
      t.is(replies.splice(at, 1)[0]?.status, 200)
      for (const [i, { status, body }] of replies.entries()) {
        t.true(status === 200 || ['FORBIDDEN', 'SESSION_REVOKED'].includes(body.code), `${status}`)
        const [row] = await sql<{ is_active: boolean }>('SELECT is_active FROM users WHERE id = $1', [
          targets[i]?.userId,
        ])
        t.is(row?.is_active, status !== 200)
      }
    }
  })
}
