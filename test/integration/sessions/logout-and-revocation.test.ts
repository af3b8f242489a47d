import anyTest from 'ava'
import { type Account, anAccount } from '../../fixtures.ts'
import { slowness } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { sendRaw, withContent } from '../http/raw-request.ts'

// Sessions that end: logout, revocation, and loss or an older state of Redis.

const test = anyTest.serial

const logoutOneWorld = await openWorld()
const other = await logoutOneWorld.instance()
const world = await openWorld()
const logoutAllOther = await world.instance()
const listAndRevokeWorld = await openWorld({ env: { TRUSTED_PROXIES: '1' } })
const listAndRevokeOther = await listAndRevokeWorld.instance()
const revocationRedisLossWorld = await openWorld()
const revocationRedisLossOther = await revocationRedisLossWorld.instance()
anyTest.after.always(async () => {
  for (const each of [logoutOneWorld, world, listAndRevokeWorld, revocationRedisLossWorld])
    await each[Symbol.asyncDispose]()
})

{
  const world = logoutOneWorld
  const { client, clock, travel } = world
  const refresh = (token: string) => other.client.post('refresh', { refresh_token: token })
  const me = (token: string) => other.client.get('me', { token })

  // A user with two sessions.
  const twoSessions = async () => {
    const account = await anAccount(client)
    const { email, password } = account
    return { account, otherSession: (await client.post('login', { email, password })).body }
  }

  const logoutMethods = {
    'its access token': (access: string, _token: string) =>
      client.post('logout', undefined, { token: access }),
    'its access token and an empty body': (access: string, _token: string) =>
      client.post('logout', {}, { token: access }),
    'its refresh token': (_access: string, token: string) => client.post('logout', { refresh_token: token }),
    'its refresh token, with an invalid access token': (_access: string, token: string) =>
      client.post('logout', { refresh_token: token }, { token: 'v4.public.nothing' }),
  }

  for (const [way, logout] of Object.entries(logoutMethods))
    test(`logout by ${way} → this session ends immediately, and no other`, async t => {
      const { account, otherSession } = await twoSessions()
      const reply = await logout(account.access, account.refresh)
      t.is(reply.status, 204)
      t.is(reply.text, '')

      t.is((await me(account.access)).body.code, 'SESSION_REVOKED')
      const refused = await refresh(account.refresh)
      t.is(refused.status, 401)
      t.is(refused.body.code, 'INVALID_REFRESH_TOKEN')
      t.is(await world.redis.exists(world.keys.session(account.userId, account.sessionId)), 0)

      t.is((await me(otherSession.access_token)).status, 200)
      t.is((await refresh(otherSession.refresh_token)).status, 200)
      t.deepEqual(await world.redis.zrange(world.keys.sessions(account.userId), 0, -1), [
        otherSession.session_id,
      ])
    })

  test('logout with an expired access token → 204, and the session ends', async t => {
    const { account, otherSession } = await twoSessions()
    await travel(clock.shift + 16 * 60_000)
    t.is((await me(account.access)).body.code, 'TOKEN_EXPIRED')
    t.is((await client.post('logout', undefined, { token: account.access })).status, 204)
    t.is((await refresh(account.refresh)).status, 401)
    t.is((await refresh(otherSession.refresh_token)).status, 200)
  })

  test('logout twice → 204 each time', async t => {
    const { access, refresh: token } = await anAccount(client)
    for (let i = 0; i < 2; i++) t.is((await client.post('logout', undefined, { token: access })).status, 204)
    t.is((await client.post('logout', { refresh_token: token })).status, 204)
  })

  test('logout with an unknown or malformed token → 204, as for a known one', async t => {
    const { access, refresh: token } = await anAccount(client)
    const texts = ['lkr_nothing', 'nothing', `${token}A`, token.slice(0, -1), token.slice(4)]
    for (const text of texts) t.is((await client.post('logout', { refresh_token: text })).status, 204, text)
    for (const text of ['nothing', 'v4.public.nothing', `${access}A`, token])
      t.is((await client.post('logout', undefined, { token: text })).status, 204, text)
    t.is((await me(access)).status, 200, 'no unknown token ended a session')
  })

  test('logout without a token → 401 AUTH_ERROR', async t => {
    for (const body of [undefined, {}]) {
      const reply = await client.post('logout', body)
      t.is(reply.status, 401)
      t.is(reply.body.code, 'AUTH_ERROR')
      t.is(reply.headers.get('www-authenticate'), 'Bearer realm="latchkey"')
    }
  })

  test('logout with a malformed Authorization header → 400, and no session ends', async t => {
    const { access } = await anAccount(client)
    for (const authorization of ['Bearer', access, `Basic ${access}`, `Bearer ${access} ${access}`]) {
      const reply = await client.post('logout', undefined, { headers: { authorization } })
      t.is(reply.status, 400, authorization.slice(0, 8))
    }
    t.is((await me(access)).status, 200)
  })
}

{
  const other = logoutAllOther
  const { client } = world
  const both = [client, other.client]
  const login = async ({ email, password }: Account) => (await client.post('login', { email, password })).body

  // Saves all keys of a user, and returns a function that restores them, as an old replica or backup of Redis would.
  const backUp = async (userId: string): Promise<() => Promise<void>> => {
    const keys = await world.keysLike(`${world.env.REDIS_PREFIX}:{${userId}}:*`)
    const dumps = await Promise.all(keys.map(async key => [key, await world.redis.dumpBuffer(key)] as const))
    return async () => {
      for (const [key, dump] of dumps) if (dump) await world.redis.restore(key, 600_000, dump, 'REPLACE')
    }
  }

  test('logout-all → every session of the user ends on every instance; other users stay signed in', async t => {
    const account = await anAccount(client)
    const otherUser = await anAccount(client)
    const sessions = [
      { access_token: account.access, refresh_token: account.refresh },
      await login(account),
      await login(account),
    ]
    const reply = await other.client.post('logout-all', undefined, { token: account.access })
    t.is(reply.status, 204)
    t.is(reply.text, '')
    t.deepEqual(await world.keysLike(`${world.env.REDIS_PREFIX}:{${account.userId}}:*session*`), [])

    for (const by of both)
      for (const { access_token, refresh_token } of sessions) {
        t.is((await by.get('me', { token: access_token })).body.code, 'SESSION_REVOKED')
        const refused = await by.post('refresh', { refresh_token })
        t.is(refused.status, 401)
        t.is(refused.body.code, 'INVALID_REFRESH_TOKEN')
      }
    t.is((await client.get('me', { token: otherUser.access })).status, 200)
    t.is((await client.post('refresh', { refresh_token: otherUser.refresh })).status, 200)
  })

  test('login right after logout-all → works', async t => {
    const account = await anAccount(client)
    await client.post('logout-all', undefined, { token: account.access })
    const { access_token, refresh_token } = await login(account)
    for (const by of both) t.is((await by.get('me', { token: access_token })).status, 200)
    t.is((await client.post('refresh', { refresh_token })).status, 200)
  })

  test('Redis restores sessions from before logout-all → they stay revoked', async t => {
    const account = await anAccount(client)
    const { access_token, refresh_token } = await login(account)
    const sessionKey = world.keys.session(account.userId, account.sessionId)
    const restore = await backUp(account.userId)
    await client.post('logout-all', undefined, { token: account.access })
    const later = await login(account)
    await restore()
    t.is(await world.redis.exists(sessionKey), 1)

    for (const by of both)
      for (const token of [account.access, access_token])
        t.is((await by.get('me', { token })).body.code, 'SESSION_REVOKED')
    for (const token of [account.refresh, refresh_token]) {
      const refused = await other.client.post('refresh', { refresh_token: token })
      t.is(refused.status, 401)
      t.is(refused.body.code, 'INVALID_REFRESH_TOKEN')
    }
    t.is(await world.redis.exists(sessionKey), 0, 'the restored session is deleted')
    t.is((await client.get('me', { token: later.access_token })).status, 200)
    t.is((await client.post('refresh', { refresh_token: later.refresh_token })).status, 200)
  })

  test('logout-all with an ended session or no token → 401, and other sessions continue', async t => {
    const account = await anAccount(client)
    const otherSession = await login(account)
    await client.post('logout', undefined, { token: account.access })
    t.is((await client.post('logout-all', undefined, { token: account.access })).body.code, 'SESSION_REVOKED')
    t.is((await client.post('logout-all')).body.code, 'AUTH_ERROR')
    t.is((await client.get('me', { token: otherSession.access_token })).status, 200)
  })
}

{
  const world = listAndRevokeWorld
  const other = listAndRevokeOther
  const { client, clock, travel, sql } = world
  const minute = 60_000
  const day = 24 * 60 * minute
  const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'

  type Session = Record<string, string | boolean | null> & { id: string; user_agent: string }
  type Owner = { email: string; password: string }

  const login = async ({ email, password }: Owner, headers: Record<string, string> = {}) => {
    const reply = await client.post('login', { email, password }, { headers })
    if (reply.status !== 200) throw new Error(`login answered ${reply.status}`)
    return reply.body
  }
  const list = async (token: string, by = client): Promise<Session[]> => {
    const reply = await by.get('sessions', { token })
    if (reply.status !== 200) throw new Error(`the list answered ${reply.status}`)
    return reply.body.data
  }
  const idsOf = (sessions: Session[]) => sessions.map(({ id }) => id)
  const refresh = (token: string, by = client) => by.post('refresh', { refresh_token: token })
  const revoke = (id: string, token: string, by = client) => by.send('DELETE', `sessions/${id}`, { token })

  // The error codes of both instances for the tokens of a session.
  const codesFor = async (access: string, token: string) => {
    const codes = new Set<string>()
    for (const by of [client, other.client]) {
      codes.add((await by.get('me', { token: access })).body.code)
      codes.add((await refresh(token, by)).body.code)
    }
    return [...codes].sort()
  }
  const endedCodes = ['INVALID_REFRESH_TOKEN', 'SESSION_REVOKED']

  test('session list → IP, browser and times of each session, and no secret', async t => {
    const account = await anAccount(client)
    const headers = { 'user-agent': firefox, 'x-forwarded-for': '198.51.100.7' }
    const { access_token, session_id } = await login(account, headers)
    const { body, headers: replied } = await client.get('sessions', { token: access_token })
    t.is(replied.get('cache-control'), 'no-store')
    t.deepEqual(Object.keys(body).sort(), ['data', 'next_cursor'])
    t.is(body.next_cursor, null)
    t.is(body.data.length, 2)

    const found = body.data.find(({ id }: Session) => id === session_id)
    const { created_at, last_used_at, expires_at, ...rest } = found
    t.deepEqual(rest, {
      id: session_id,
      ip: '198.51.100.7',
      user_agent: firefox,
      browser: 'Firefox',
      system: 'Windows',
      current: true,
    })
    t.is(last_used_at, created_at)
    t.true(Math.abs(Date.parse(created_at) - Date.now() - clock.shift) < 5000 * slowness)
    t.is(Date.parse(expires_at) - Date.parse(created_at), 30 * day)
    t.false(body.data.find(({ id }: Session) => id === account.sessionId).current)
  })

  test('session list → most recently used first; a refresh counts as use', async t => {
    const account = await anAccount(client)
    await travel(clock.shift + minute)
    const second = await login(account)
    await travel(clock.shift + minute)
    const third = await login(account)
    t.deepEqual(idsOf(await list(third.access_token)), [
      third.session_id,
      second.session_id,
      account.sessionId,
    ])

    await travel(clock.shift + minute)
    const { body } = await refresh(account.refresh)
    const [first, ...others] = await list(body.access_token)
    t.is(first?.id, account.sessionId)
    t.deepEqual(idsOf(others), [third.session_id, second.session_id])
    t.true(first?.current)
    const used = Date.parse(String(first?.last_used_at)) - Date.parse(String(first?.created_at))
    t.true(used >= 3 * minute && used < 4 * minute)
  })

  test('revoked session → ends on every instance, audited as ended, not as stolen', async t => {
    const account = await anAccount(client)
    const otherSession = await login(account)
    const successor = (await refresh(otherSession.refresh_token)).body
    const reply = await revoke(otherSession.session_id, account.access, other.client)
    t.is(reply.status, 204)
    t.is(reply.text, '')
    t.deepEqual(await codesFor(otherSession.access_token, otherSession.refresh_token), endedCodes)
    t.deepEqual(await codesFor(successor.access_token, successor.refresh_token), endedCodes)
    t.deepEqual(idsOf(await list(account.access)), [account.sessionId])
    t.is((await refresh(account.refresh)).status, 200)
    t.is((await revoke(otherSession.session_id, account.access)).status, 404, 'revoking it again')

    const events = await sql<{ type: string }>('SELECT type FROM audit_events WHERE session_id = $1', [
      otherSession.session_id,
    ])
    t.deepEqual(events, [{ type: 'session.ended' }])
  })

  test('revoking the current session → it ends', async t => {
    const account = await anAccount(client)
    t.is((await revoke(account.sessionId, account.access)).status, 204)
    t.deepEqual(await codesFor(account.access, account.refresh), endedCodes)
  })

  test('revoking the session of another user → 404, and that session continues', async t => {
    const [mine, theirs] = [await anAccount(client), await anAccount(client)]
    const refused = await revoke(theirs.sessionId, mine.access)
    t.is(refused.status, 404)
    t.is(refused.body.code, 'NOT_FOUND')
    t.false(idsOf(await list(mine.access)).includes(theirs.sessionId))
    t.is((await client.get('me', { token: theirs.access })).status, 200)
    t.is((await refresh(theirs.refresh)).status, 200)
  })

  test('revoking a malformed session id → 404', async t => {
    const { access, sessionId } = await anAccount(client)
    const ids = ['x', '*', '%00', '%2A', '..%2F', sessionId.slice(1), `${sessionId}0`, `${sessionId}%0A`]
    for (const id of [...ids, sessionId.replaceAll('-', '')]) {
      const reply = await revoke(id, access)
      t.is(reply.status, 404, id)
      t.is(reply.body.code, 'NOT_FOUND')
    }
    t.is((await list(access)).length, 1)
  })

  test('listing or revoking with only the refresh cookie → 401 AUTH_ERROR', async t => {
    const { sessionId, refresh: token } = await anAccount(client)
    const cookie = `__Host-latchkey=${token}`
    const headers = { cookie, origin: 'http://latchkey.test', 'sec-fetch-site': 'same-origin' }
    t.is((await client.get('sessions', { headers })).body.code, 'AUTH_ERROR')
    t.is((await client.send('DELETE', `sessions/${sessionId}`, { headers })).body.code, 'AUTH_ERROR')
    t.is((await refresh(token)).status, 200)
  })

  test('session of an older epoch, still in Redis → not listed', async t => {
    const account = await anAccount(client)
    await sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [account.userId])
    const { access_token, session_id } = await login(account)
    t.is(await world.redis.exists(world.keys.session(account.userId, account.sessionId)), 1)
    t.deepEqual(idsOf(await list(access_token)), [session_id])
  })

  test('session that expired by inactivity, still in Redis → not listed', async t => {
    const account = await anAccount(client)
    await travel(clock.shift + 6 * day)
    const later = await login(account)
    await travel(clock.shift + 1.5 * day)
    const { body } = await refresh(later.refresh_token)
    t.is(await world.redis.exists(world.keys.session(account.userId, account.sessionId)), 1)
    t.deepEqual(idsOf(await list(body.access_token)), [later.session_id])
  })

  const hostile = {
    '8000 characters': 'A'.repeat(8000),
    'many words': 'x/1 '.repeat(64),
    'many brackets': `Mozilla/5.0 ${'('.repeat(200)}`,
    HTML: '<script>alert(1)</script><img src=x onerror=alert(1)>/1.0 x',
    'prototype names': '__proto__/1.0 constructor/2.0',
    'non-ASCII bytes': '\x80\x85\x9f\xa0\xff/1.0 \xad',
    'a tab': 'a\tb/1.0 c',
  }
  for (const [what, userAgent] of Object.entries(hostile))
    test(`login with a user agent of ${what} → stored up to 256 characters, and the list works`, async t => {
      const account = await anAccount(client)
      const body = JSON.stringify({ email: account.email, password: account.password })
      const head = withContent('POST', '/api/v1/auth/login', body.length, `User-Agent: ${userAgent}`)
      const { status, body: session } = await sendRaw(world.url, head, body)
      t.is(status, 200)
      const { session_id } = session as { session_id: string }
      const found = (await list(account.access)).find(({ id }) => id === session_id)
      t.is(found?.user_agent, userAgent.trim().slice(0, 256).trim())
      for (const name of [found?.browser, found?.system])
        t.true(name === null || (typeof name === 'string' && name.length <= 256))
      t.is((await client.get('me/export', { token: account.access })).status, 200)
    })

  test('user agent with control bytes → 400', async t => {
    const { email, password } = await anAccount(client)
    const body = JSON.stringify({ email, password })
    for (const byte of ['\0', '\x01', '\x1b']) {
      const head = withContent('POST', '/api/v1/auth/login', body.length, `User-Agent: a${byte}b`)
      t.is((await sendRaw(world.url, head, body)).status, 400)
    }
  })
}

{
  const other = logoutAllOther
  const { client, sql } = world

  const ends = {
    deactivated: 'UPDATE users SET is_active = false WHERE id = $1',
    deleted: 'DELETE FROM users WHERE id = $1',
  }

  for (const [end, statement] of Object.entries(ends))
    test(`user was ${end} → access tokens and sessions are rejected immediately`, async t => {
      const account = await anAccount(client)
      t.is((await other.client.get('me', { token: account.access })).status, 200)
      await sql(statement, [account.userId])

      for (const by of [client, other.client]) {
        const meReply = await by.get('me', { token: account.access })
        t.is(meReply.status, 401)
        t.is(meReply.body.code, 'SESSION_REVOKED')
        t.is((await by.patch('me', { full_name: 'Mallory' }, { token: account.access })).status, 401)
      }
      const refused = await client.post('refresh', { refresh_token: account.refresh })
      t.is(refused.status, 401)
      t.is(refused.body.code, 'INVALID_REFRESH_TOKEN')
      t.is(await world.redis.exists(world.keys.session(account.userId, account.sessionId)), 0)
      t.is(await world.redis.exists(world.keys.sessions(account.userId)), 0)
    })

  test('deactivated user → ACCOUNT_DEACTIVATED only with the right password', async t => {
    const { email, password, userId } = await anAccount(client)
    await sql(ends.deactivated, [userId])
    const right = await client.post('login', { email, password })
    t.is(right.status, 403)
    t.is(right.body.code, 'ACCOUNT_DEACTIVATED')
    t.is(
      (await client.post('login', { email, password: 'something else 1' })).body.code,
      'INVALID_CREDENTIALS',
    )
    await sql('UPDATE users SET is_active = true WHERE id = $1', [userId])
    t.is((await client.post('login', { email, password })).status, 200)
  })

  test('session epoch is raised → older sessions are revoked', async t => {
    const account = await anAccount(client)
    await sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [account.userId])
    t.is((await client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 401)
    t.is(await world.redis.exists(world.keys.session(account.userId, account.sessionId)), 0)
  })
}

{
  const world = revocationRedisLossWorld
  const other = revocationRedisLossOther
  const { client, redis, sql } = world

  test('Redis lost all keys → users are signed out and no old token works', async t => {
    const account = await anAccount(client)
    const { email, password } = account
    const second = (await client.post('login', { email, password })).body
    const used = account.refresh
    const current = (await client.post('refresh', { refresh_token: used })).body

    const { REDIS_PREFIX: prefix } = world.env
    const keys = [...(await world.keysLike(`${prefix}:*`)), ...(await world.keysLike(`{${prefix}}:*`))]
    t.true(keys.length > 0)
    await world.dropKeys(keys)

    for (const by of [client, other.client]) {
      for (const token of [account.access, current.access_token, second.access_token])
        t.is((await by.get('me', { token })).body.code, 'SESSION_REVOKED')
      for (const token of [used, current.refresh_token, second.refresh_token])
        t.is((await by.post('refresh', { refresh_token: token })).body.code, 'INVALID_REFRESH_TOKEN')
    }
    t.is((await client.post('logout', { refresh_token: current.refresh_token })).status, 204)
    t.deepEqual(await world.keysLike(`${prefix}:{*`), [], 'the requests restore no keys')
    t.is(
      (
        await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [
          account.userId,
        ])
      ).length,
      0,
    )

    const again = await client.post('login', { email, password })
    t.is(again.status, 200)
    for (const by of [client, other.client])
      t.is((await by.get('me', { token: again.body.access_token })).status, 200)
    t.is((await other.client.post('refresh', { refresh_token: again.body.refresh_token })).status, 200)
    t.is((await client.get('me', { token: account.access })).status, 401)
  })

  test('Redis restores an older state → sessions ended one by one stay ended', async t => {
    const account = await anAccount(client)
    const { email, password } = account
    const revoked = (await client.post('login', { email, password })).body
    const loggedOut = (await client.post('login', { email, password })).body
    const stolen = (await client.post('login', { email, password })).body
    const keys = await world.keysLike(`*{${account.userId}}:session*`)
    const older = await Promise.all(keys.map(async key => [key, await redis.dumpBuffer(key)] as const))

    const at = { token: account.access }
    t.is((await client.send('DELETE', `sessions/${revoked.session_id}`, at)).status, 204)
    t.is((await client.post('logout', { refresh_token: loggedOut.refresh_token })).status, 204)
    const next = (await client.post('refresh', { refresh_token: stolen.refresh_token })).body
    await client.post('refresh', { refresh_token: next.refresh_token })
    t.is(
      (await client.post('refresh', { refresh_token: stolen.refresh_token })).status,
      401,
      'detected as theft',
    )

    for (const [key, value] of older) await redis.restore(key, 0, value, 'REPLACE')
    for (const by of [client, other.client])
      for (const { access_token: token } of [revoked, loggedOut, stolen, next])
        t.is((await by.get('me', { token })).body.code, 'SESSION_REVOKED')
    for (const by of [client, other.client])
      for (const { refresh_token } of [revoked, loggedOut, stolen])
        t.is((await by.post('refresh', { refresh_token })).body.code, 'INVALID_REFRESH_TOKEN')
    t.is(
      (await client.post('refresh', { refresh_token: account.refresh })).status,
      200,
      'a session that was not ended continues',
    )
  })
}
