import anyTest from 'ava'
import { v7 as uuid } from 'uuid'
import { auditEvents } from '../../../src/modules.ts'
import type { Reply } from '../../client.ts'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld, type World } from '../../world.ts'
import { anAppUser } from '../factors/undo-links.ts'
import { adminActions, anAdmin } from './admin-account.ts'

// The lists of users and of audit events, and that no action succeeds without its audit event.

const test = anyTest.serial

const env = { TRUSTED_PROXIES: '1', REQUIRE_VERIFIED_EMAIL: 'true' }
const usersWorld = await openWorld()
const ada = await anAdmin(usersWorld, { full_name: 'Ada Lovelace' })
const eventsWorld = await openWorld({ worker: true, env })
const privacyWorld = await openWorld({ env: { ...env, REGISTRATION_PRIVACY: 'true' } })
const eventlessWorld = await openWorld({ worker: true })
const eventlessAda = await anAdmin(eventlessWorld)
await eventlessWorld.sql(
  `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room for events'; END $$`,
)
/** A new administrator with a session, for a world that requires verified addresses. */
const adminOf = async ({ client, sql }: World) => {
  const email = anEmail()
  await client.post('register', { email, password })
  await sql(`UPDATE users SET roles = '{user,admin}', email_verified = true WHERE email = $1`, [email])
  const { body } = await client.post('login', { email, password })
  return { userId: body.user.id as string, token: body.access_token as string }
}
const auditAdmins = [await adminOf(eventsWorld), await adminOf(privacyWorld)] as const
anyTest.after.always(async () => {
  for (const each of [usersWorld, eventsWorld, privacyWorld, eventlessWorld])
    await each[Symbol.asyncDispose]()
})

{
  const world = usersWorld
  const { list, read, change } = adminActions(world.client, ada.access)

  type Row = { id: string; email: string; full_name: string | null; roles: string[]; is_active: boolean }
  const rowsOf = async (query: string): Promise<Row[]> => (await list(query)).body.data
  const idsOf = async (query: string) => (await rowsOf(query)).map(({ id }) => id)

  /** Names of the users that a search finds. */
  const namesFoundBy = async (search: string) =>
    (await rowsOf(new URLSearchParams({ search }).toString())).map(({ full_name }) => full_name).sort()

  const registerNames = async (...names: string[]) => {
    for (const full_name of names) await anAccount(world.client, { full_name })
  }

  test('users register between two pages → no user is repeated or skipped', async t => {
    for (let i = 0; i < 6; i++) await anAccount(world.client)
    const there = await world.sql<{ id: string }>('SELECT id FROM users ORDER BY created_at DESC, id DESC')
    const seen: string[] = []
    let cursor: string | null = null
    let pages = 0
    do {
      const { status, body } = await list(`limit=2${cursor ? `&cursor=${cursor}` : ''}`)
      t.is(status, 200)
      t.true(body.data.length <= 2)
      seen.push(...body.data.map(({ id }: Row) => id))
      cursor = body.next_cursor
      pages++
      await anAccount(world.client)
    } while (cursor && pages < 20)
    t.deepEqual(
      seen,
      there.map(({ id }) => id),
      'the newest first',
    )
    t.is(pages, Math.ceil(there.length / 2))
  })

  test('the last user of a page is deleted → the next page continues after it', async t => {
    for (let i = 0; i < 4; i++) await anAccount(world.client)
    const all = await idsOf('limit=100')
    const { data, next_cursor } = (await list('limit=2')).body
    t.deepEqual(
      data.map(({ id }: Row) => id),
      all.slice(0, 2),
    )
    await world.sql('DELETE FROM users WHERE id = $1', [all[1]])
    t.deepEqual(await idsOf(`limit=2&cursor=${next_cursor}`), all.slice(2, 4))
  })

  test('page size → 50 by default, at most 100, and no next_cursor after an exactly full page', async t => {
    const ids = Array.from({ length: 101 }, () => uuid())
    await world.sql(
      `INSERT INTO users (id, email, full_name) SELECT id, id || '@many.example', 'Many' FROM unnest($1::uuid[]) AS id`,
      [ids],
    )
    const newest = ids.toReversed()
    t.deepEqual(await idsOf('search=many'), newest.slice(0, 50))
    t.deepEqual(await idsOf('search=many&limit=100'), newest.slice(0, 100))
    t.deepEqual(await idsOf('limit=1'), newest.slice(0, 1))

    const first = (await list('search=many&limit=100')).body
    const second = (await list(`search=many&limit=100&cursor=${first.next_cursor}`)).body
    t.deepEqual([second.data.length, second.next_cursor], [1, null])
    await world.sql('DELETE FROM users WHERE id = $1', [ids[0]])
    t.is((await list('search=many&limit=100')).body.next_cursor, null)
  })

  test('search → finds prefixes of email and name, in any case and Unicode form', async t => {
    const { userId } = await anAccount(world.client, {
      email: `begins.${anEmail()}`,
      full_name: 'Grace Hopper',
    })
    for (const search of ['begins.', 'BEGINS.User', 'grace', 'GRACE h', 'Grace Hopper'])
      t.deepEqual(await idsOf(new URLSearchParams({ search }).toString()), [userId], search)
    for (const search of ['hopper', 'egins.', 'example.com', 'grace  hopper', 'gracehopper'])
      t.deepEqual(await namesFoundBy(search), [], search)

    await registerNames('Élodie Ångström')
    for (const search of ['Élodie', 'éLODIE', 'élodie å', 'E\u0301lodie'])
      t.deepEqual(await namesFoundBy(search), ['Élodie Ångström'], search)
    await registerNames('Οδυσσευς')
    t.deepEqual(await namesFoundBy('ΟΔΥΣ'), ['Οδυσσευς'])
  })

  test('search with %, _ or a backslash → matched escapeLike', async t => {
    await registerNames('Zed%one', 'Zed_two', 'Zed\\three', 'Zedxfour')
    t.is((await namesFoundBy('zed')).length, 4)
    t.deepEqual(await namesFoundBy('zed%'), ['Zed%one'])
    t.deepEqual(await namesFoundBy('zed_'), ['Zed_two'])
    t.deepEqual(await namesFoundBy('zed\\'), ['Zed\\three'])
    for (const search of ['%', '_', '%zed', '\\', 'zed%%', '%25', "zed' OR '1'='1", 'zed\\_'])
      t.deepEqual(await namesFoundBy(search), [], search)
    const { email } = await anAccount(world.client, { email: `per%cent_${anEmail()}`, full_name: 'Percy' })
    t.deepEqual(await namesFoundBy(email.slice(0, 12)), ['Percy'])
    t.deepEqual(await namesFoundBy(`per_cent${email.slice(8, 12)}`), [])
  })

  test('search with control characters or invalid UTF-8 → 200 or 400, never 500', async t => {
    for (const text of ['%00', 'a%00b', '%ff', '%ED%A0%80', '%0d%0a', '%F0%9F%98%80', '%E2%80%AE', '%20'])
      t.true([200, 400].includes((await list(`search=${text}`)).status), text)
  })

  test('list filtered by is_active and role → filters are combined', async t => {
    const eve = await anAdmin(world, { full_name: 'Filter Eve' })
    const [bob, amy] = [
      await anAccount(world.client, { full_name: 'Filter Bob' }),
      await anAccount(world.client, { full_name: 'Filter Amy' }),
    ]
    await change(bob.userId, { is_active: false })
    const of = async (query: string) => (await idsOf(`search=filter&${query}`)).sort()
    t.deepEqual(await of('is_active=false'), [bob.userId])
    t.deepEqual(await of('is_active=true'), [eve.userId, amy.userId].sort())
    t.deepEqual(await of('role=admin'), [eve.userId])
    t.deepEqual(await of('role=user'), [eve.userId, bob.userId, amy.userId].sort())
    t.deepEqual(await of('role=admin&is_active=false'), [])
  })

  test('user list with an invalid query → 400 that does not repeat the value', async t => {
    const canary = 'canary7'
    const good = (await list('limit=1')).body.next_cursor
    const base64url = (text: string) => Buffer.from(text).toString('base64url')
    const invalidQueries = [
      ...['0', '101', '-1', '1.5', '1e1', '%201', '0x10', '', 'abc', '９', '01'].map(text => `limit=${text}`),
      ...['', 'maybe', 'TRUE', '1', canary].map(text => `is_active=${text}`),
      ...['', 'root', 'Admin', 'user,admin', canary].map(text => `role=${text}`),
      ...['', canary, `${good}A`, `${good}=`, good.slice(0, -4), ada.userId].map(text => `cursor=${text}`),
      ...[base64url(canary), base64url("' OR 1=1"), base64url('{}'), base64url(`${ada.userId}\n`)].map(
        text => `cursor=${text}`,
      ),
      ...[
        'search=',
        `search=${'x'.repeat(255)}`,
        `${canary}=1`,
        `email=${canary}`,
        'offset=1',
        '__proto__=x',
      ],
      ...['constructor=x', 'search[]=a', 'search[$ne]=a', 'SEARCH=a'],
      ...[
        'limit=1&limit=2',
        `search=${canary}&search=b`,
        `cursor=${good}&cursor=${good}`,
        'role=user&role=admin',
      ],
    ]
    for (const query of invalidQueries) {
      const { status, body, text } = await list(query)
      t.is(status, 400, query)
      t.is(body.code, 'VALIDATION_ERROR')
      t.false(body.errors.some(({ message }: { message: string }) => message.includes(canary)))
      if (!query.startsWith(canary)) t.false(text.includes(canary), query)
    }
  })

  test('admin replies → the same fields as /me, no hash or internal column', async t => {
    const { userId } = await anAccount(world.client)
    const known = Object.keys((await world.client.get('me', { token: ada.access })).body).sort()
    const replies = [
      (await list('limit=100')).body.data,
      [(await read(userId)).body],
      [(await change(userId, { is_active: false })).body],
    ]
    for (const user of replies.flat()) t.deepEqual(Object.keys(user).sort(), known)
    t.notRegex(JSON.stringify(replies), /hash|epoch|erase|\$2[aby]\$/)
  })
}

{
  const world = eventsWorld
  // One account goes through every audited action, each from its own IP address and user agent.

  const [ada, eve] = auditAdmins

  type Event = {
    id: string
    type: string
    user_id: string | null
    actor_id: string | null
    session_id: string | null
    ip: string
    user_agent: string
    created_at: string
  }

  const events = async (query: string, of = world, by = ada): Promise<Event[]> =>
    (await adminActions(of.client, by.token).events(query)).body.data

  let clientCount = 0
  /** Headers with a new IP address and user agent. */
  const newClientHeaders = () => {
    clientCount++
    return { 'x-forwarded-for': `203.0.113.${clientCount}`, 'user-agent': `client/${clientCount}` }
  }

  type RequestInput = { method?: string; path: string; body?: unknown; token?: string | undefined }
  const ask = ({ method = 'POST', path, body, token }: RequestInput, of = world): Promise<Reply> =>
    of.client.send(method, path, { body, token, headers: newClientHeaders() })

  /** Whether a text holds a secret. Six or eight digits may also stand in the random part of a UUID. */
  const holds = (text: string, secret: string): boolean =>
    /^\d+$/.test(secret)
      ? text.includes(`"${secret}"`) || (secret.length > 6 && text.split(/[^\w-]+/).includes(secret))
      : text.includes(secret)

  const mailTo = (address: string, part: string) => world.mails.to(address, 1, `/${part}`)

  test('every audited action → one event with type, user, actor, IP address and user agent', async t => {
    const [email, newEmail, next] = [anEmail(), anEmail(), 'another horse 10']
    const produced = new Set<string>()
    const secrets: string[] = [password, next, email, newEmail]
    let userId = ''

    /** Sends a request, and expects exactly one event of this type. */
    const expectEvent = async (
      type: string,
      request: RequestInput,
      { status = 200, by = ada, about = true } = {},
    ) => {
      const before = await events('limit=1')
      const reply = await ask(request)
      t.is(reply.status, status, `${type} ${reply.body?.code}`)
      if (type === 'user.registered') userId = reply.body.user.id
      const [event, ...others] = (await events('limit=10')).filter(({ id }) => id > (before[0]?.id ?? ''))
      t.deepEqual(others, [], type)
      t.like(event, {
        type,
        user_id: about ? userId : null,
        actor_id: request.path.startsWith('/api/v1/admin') ? by.userId : null,
        ip: `203.0.113.${clientCount}`,
        user_agent: `client/${clientCount}`,
      })
      t.true(Math.abs(Date.parse(event?.created_at ?? '') - Date.now()) < 60_000, 'UTC, and now')
      produced.add(type)
      for (const name of ['access_token', 'refresh_token'])
        if (reply.body?.[name]) secrets.push(reply.body[name])
      return { ...reply.body, event } as ReturnType<typeof JSON.parse>
    }
    const mailed = async (address: string, part: string) => {
      const { link, code } = await mailTo(address, part)
      secrets.push(tokenOf(link), ...(code ? [code] : []))
      return { token: tokenOf(link) }
    }
    const right = { email, password }
    const login = (body: unknown = right) => expectEvent('login.succeeded', { path: 'login', body })

    await expectEvent('user.registered', { path: 'register', body: right }, { status: 202 })
    await expectEvent('login.refused', { path: 'login', body: right }, { status: 403 })
    await expectEvent('user.email_verified', {
      path: 'verify-email',
      body: await mailed(email, 'verify-email'),
    })
    const wrongPassword = { password: 'wrong horse 10' }
    await expectEvent(
      'login.failed',
      { path: 'login', body: { ...right, ...wrongPassword } },
      { status: 401 },
    )
    await expectEvent(
      'login.failed',
      { path: 'login', body: { ...wrongPassword, email: anEmail() } },
      { status: 401, about: false },
    )

    const stolen = await login()
    t.is((await ask({ path: 'refresh', body: { refresh_token: stolen.refresh_token } })).status, 200)
    await world.travel(world.clock.shift + 11_000)
    const reuse = { path: 'refresh', body: { refresh_token: stolen.refresh_token } }
    const { event: reused } = await expectEvent('session.reused', reuse, { status: 401 })
    t.is(reused.session_id, stolen.session_id)

    const [first, second] = [await login(), await login()]
    const one = { method: 'DELETE', path: `sessions/${first.session_id}`, token: second.access_token }
    const { event: ended } = await expectEvent('session.ended', one, { status: 204 })
    t.is(ended.session_id, first.session_id)
    await expectEvent('session.ended', { path: 'logout', token: second.access_token }, { status: 204 })
    const third = await login()
    await expectEvent('sessions.ended', { path: 'logout-all', token: third.access_token }, { status: 204 })

    const fourth = await login()
    const move = { path: 'change-email', body: { current_password: password, new_email: newEmail } }
    await expectEvent('email.change_requested', { ...move, token: fourth.access_token }, { status: 202 })
    await expectEvent('email.changed', {
      path: 'confirm-email',
      body: await mailed(newEmail, 'confirm-email'),
    })
    await expectEvent('email.change_undone', {
      path: 'undo-email-change',
      body: await mailed(email, 'undo-email-change'),
    })
    const reset = { ...(await mailed(email, 'reset-password')), new_password: password }
    await expectEvent('password.reset', { path: 'reset-password', body: reset }, { status: 204 })

    const fifth = await login()
    const evidence = { path: 'reauthenticate', body: { password }, token: fifth.access_token }
    const { event: renewed } = await expectEvent('user.reauthenticated', evidence)
    t.is(renewed.session_id, fifth.session_id)
    const mistaken = { current_password: 'wrong horse 10', new_password: next }
    const { event: refused } = await expectEvent(
      'password.refused',
      { path: 'change-password', body: mistaken, token: fifth.access_token },
      { status: 403 },
    )
    t.is(refused.session_id, fifth.session_id)
    const change = { current_password: password, new_password: next }
    const sixth = await expectEvent('password.changed', {
      path: 'change-password',
      body: change,
      token: fifth.access_token,
    })
    t.is(sixth.event.session_id, fifth.session_id)
    const leave = { method: 'DELETE', path: 'me', body: { password: next }, token: sixth.access_token }
    await expectEvent('user.deleted', leave, { status: 204 })
    await expectEvent(
      'user.deletion_undone',
      { path: 'undo-deletion', body: await mailed(email, 'undo-deletion') },
      { status: 204 },
    )

    const squattedEmail = anEmail()
    t.is((await ask({ path: 'register', body: { email: squattedEmail, password } })).status, 202)
    await expectEvent(
      'user.rejected',
      { path: 'reject-account', body: await mailed(squattedEmail, 'verify-email') },
      { status: 204, about: false },
    )

    const path = `/api/v1/admin/users/${userId}`
    const patch = { method: 'PATCH', path, token: ada.token }
    await expectEvent('user.roles_changed', { ...patch, body: { roles: ['user', 'admin'] } })
    await expectEvent('user.deactivated', { ...patch, body: { is_active: false } })
    await expectEvent('user.activated', { ...patch, body: { is_active: true } })
    await expectEvent('sessions.ended', { path: `${path}/logout`, token: ada.token }, { status: 204 })
    const [mail] = await world.sql<{ id: string }>(
      `UPDATE emails SET status = 'failed' WHERE user_id = $1 AND kind = 'welcome' RETURNING id`,
      [userId],
    )
    const again = { path: `/api/v1/admin/emails/${mail?.id}/retry`, token: ada.token }
    await expectEvent('email.retried', again, { status: 202 })
    await expectEvent('user.deleted', { method: 'DELETE', path, token: ada.token }, { status: 204 })

    t.deepEqual(
      Object.keys(auditEvents).filter(type => !produced.has(type)),
      // Tested elsewhere, those of routes in audit/every-route-is-audited.test.ts.
      [
        ...['user.registration_refused', 'user.imported', 'user.profile_changed', 'user.exported'],
        ...['user.merged', 'login.challenged', 'login.mfa_failed', 'login.email_requested'],
        ...['factor.added', 'factor.renamed', 'factor.removed', 'factor.undone', 'factor.unproven_removed'],
        ...['factors.reset', 'recovery_codes.replaced', 'recovery_code.used', 'factor.refused'],
        ...['password.closed', 'password.reset_requested', 'email.verification_requested'],
        ...['signing_key.published', 'signing_key.promoted', 'signing_key.retired'],
        ...['client.created', 'client.secret_added', 'client.secret_dropped', 'client.revoked'],
        ...['site.created', 'site.updated', 'purchase.started', 'purchase.failed', 'purchase.expired'],
        ...['purchase.paid', 'purchase.claimed', 'purchase.issue_raised', 'purchase.refunded'],
      ],
      'every other event type was produced',
    )

    const storedEvents = JSON.stringify(await world.sql('SELECT * FROM audit_events'))
    const { text } = await adminActions(world.client, ada.token).events('limit=100')
    for (const secret of secrets) {
      t.false(holds(storedEvents, secret))
      t.false(holds(text, secret))
    }
    t.notRegex(storedEvents, /@|lk[pr]_|v4\.public|horse/)
  })

  test('registration is refused with REGISTRATION_PRIVACY → its event has no user id and no address', async t => {
    const email = anEmail()
    for (let i = 0; i < 2; i++)
      t.is((await ask({ path: 'register', body: { email, password } }, privacyWorld)).status, 202)
    const [event, before] = await events('limit=2', privacyWorld, eve)
    t.like(event, { type: 'user.registration_refused', user_id: null, user_agent: `client/${clientCount}` })
    t.is(before?.type, 'user.registered')
    t.false(JSON.stringify(await events('', privacyWorld, eve)).includes('@'))
  })

  test('a malicious user agent → stored as plain text, cut to 256 characters', async t => {
    const agent = `<script>alert(1)</script>' OR 1=1; ${'x'.repeat(400)}`
    const headers = { 'user-agent': agent, 'x-forwarded-for': 'canary7, nonsense' }
    await world.client.post('login', { email: anEmail(), password: 'wrong horse 10' }, { headers })
    const [event] = await events('limit=1')
    t.is(event?.user_agent, agent.slice(0, 256))
    t.regex(event?.ip ?? '', /^[\d.:a-f]+$/)
  })

  test('event list → filtered by user, type and time, newest first, in pages', async t => {
    const email = anEmail()
    const { body } = await world.client.post('register', { email, password })
    const id = body.user.id
    for (let i = 0; i < 4; i++)
      await world.client.post('login', { email, password: i % 2 ? password : 'wrong horse 10' })
    const typesOf = async (query: string) =>
      (await events(`user_id=${id}&${query}`)).map(({ type }) => type.split('.')[1])
    t.deepEqual(await typesOf(''), ['refused', 'failed', 'refused', 'failed', 'registered'])
    t.deepEqual(await typesOf('type=login.failed'), ['failed', 'failed'])
    t.deepEqual(await typesOf('type=user.deleted'), [])
    t.true((await events('type=login.refused')).every(({ type }) => type === 'login.refused'))

    const all = await events(`user_id=${id}`)
    const ids = [5, 4, 3, 2, 1].map(minutes => uuid({ msecs: Date.UTC(2026, 0, 1, 0, minutes) }))
    for (const [i, minutes] of [5, 4, 3, 2, 1].entries())
      await world.sql(
        `UPDATE audit_events SET id = $3, created_at = timestamptz '2026-01-01T00:00Z' + make_interval(mins => $2)
          WHERE id = $1`,
        [all[i]?.id, minutes, ids[i]],
      )
    const at = (minute: number) => `2026-01-01T00:0${minute}:00Z`
    t.deepEqual(await typesOf(`from=${at(4)}`), ['refused', 'failed'], 'from is inclusive')
    t.deepEqual(await typesOf(`to=${at(2)}`), ['registered'], 'to is exclusive')
    t.deepEqual(await typesOf(`from=${at(2)}&to=${at(4)}`), ['refused', 'failed'])
    t.deepEqual(await typesOf(`from=${at(4)}&to=${at(2)}`), [])
    const always = 'from=0001-01-01T00:00:00Z&to=9999-12-31T00:00:00Z'
    t.deepEqual(await typesOf(always), await typesOf(''))
    const zoned = encodeURIComponent('2026-01-01T02:04:00+02:00')
    t.deepEqual(await typesOf(`from=${zoned}`), ['refused', 'failed'], 'with a UTC offset')

    const seen: string[] = []
    let cursor = ''
    do {
      const page = (await adminActions(world.client, ada.token).events(`user_id=${id}&limit=2${cursor}`)).body
      seen.push(...page.data.map((event: Event) => event.id))
      cursor = page.next_cursor ? `&cursor=${page.next_cursor}` : ''
      await world.client.post('login', { email, password: 'wrong horse 10' })
    } while (cursor && seen.length < 20)
    t.deepEqual(seen, ids)
  })

  test('event list with an invalid query → 400 that does not repeat the value', async t => {
    const times = [
      'canary7',
      '',
      '2026',
      '2026-01-01',
      '1700000000',
      '2026-13-01T00:00:00Z',
      '2026-01-01T25:00:00Z',
    ]
    const invalidQueries = [
      ...times.flatMap(text => [`from=${text}`, `to=${text}`]),
      ...['type=canary7', 'type=', 'type=login', 'user_id=canary7', 'user_id=', 'actor_id=x', 'canary7=1'],
      ...['cursor=canary7', 'limit=0', 'limit=1e1', 'type=login.failed&type=user.deleted'],
      `user_id=${ada.userId}&user_id=${ada.userId}`,
      'from=2026-01-01T00:00:00Z&from=2026-01-01T00:00:00Z',
    ]
    const ask = adminActions(world.client, ada.token).events
    for (const query of invalidQueries) {
      const { status, text } = await ask(query)
      t.is(status, 400, query)
      if (!query.startsWith('canary7')) t.false(text.includes('canary7'), query)
    }
    const impossible = ['2026-02-31T00:00:00Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z']
    const zones = ['2026-01-01T00:00:00%2B00', '2026-01-01T00:00:00-2359', '2026-01-01%2000:00:00Z']
    for (const text of [...impossible, ...zones])
      for (const name of ['from', 'to'])
        t.true([200, 400].includes((await ask(`${name}=${text}`)).status), `${name}=${text}`)
  })
}

{
  const world = eventlessWorld
  const ada = eventlessAda
  // If its audit event cannot be stored, an action fails, also for administrators. The only exception is the logout of one
  // session, which must always work.

  const { client, sql } = world
  const { change, remove, logout } = adminActions(client, ada.access)

  /** Runs an action while every insert of an audit event fails. */
  const withoutEvents = async <T>(action: () => Promise<T>): Promise<T> => {
    await sql(`CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse()`)
    return action().finally(() => sql('DROP TRIGGER refuse ON audit_events'))
  }

  /** All that the actions would change. Leaves out the delivery status of emails, which changes meanwhile. */
  const allRows = async () => [
    await sql('SELECT * FROM users ORDER BY id'),
    await sql('SELECT id, kind, recipient, proof_spent_at FROM emails ORDER BY id'),
    await sql('SELECT * FROM audit_events ORDER BY id'),
    await sql('SELECT id, removed_at FROM factors ORDER BY id'),
  ]

  const new_password = 'another horse 10'
  const prepareActions = async () => {
    const account = await anAccount(client)
    const { email, userId, access } = account
    const verifying = await world.mails.to(email)
    await client.post('forgot-password', { email })
    const resetting = await world.mails.to(email, 2)
    const newEmail = anEmail()
    const body = { current_password: password, new_email: newEmail }
    await client.post('change-email', body, { token: access })
    const moving = await world.mails.to(newEmail)

    // An account with an undo link for its email change, and one with an undo link for its deletion.
    const movedAccount = await anAccount(client)
    await client.post('verify-email', { token: tokenOf((await world.mails.to(movedAccount.email)).link) })
    await world.mails.to(movedAccount.email, 2)
    const changedEmail = anEmail()
    await client.post('change-email', { ...body, new_email: changedEmail }, { token: movedAccount.access })
    await client.post('confirm-email', { token: tokenOf((await world.mails.to(changedEmail)).link) })
    const undoChangeMail = await world.mails.to(movedAccount.email, 3)
    const deletedAccount = await anAccount(client)
    await world.mails.to(deletedAccount.email)
    await client.send('DELETE', 'me', { token: deletedAccount.access, body: { password } })
    const undoDeletionMail = await world.mails.to(deletedAccount.email, 2)
    await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [userId])
    const enrolled = await anAppUser(world)

    const token = access
    const actions = {
      register: () => client.post('register', { email: anEmail(), password }),
      login: () => client.post('login', { email, password }),
      'failed login': () => client.post('login', { email, password: 'wrong horse 10' }),
      'verify-email': () => client.post('verify-email', { token: tokenOf(verifying.link) }),
      'reset-password': () => client.post('reset-password', { token: tokenOf(resetting.link), new_password }),
      'change-email': () => client.post('change-email', { ...body, new_email: anEmail() }, { token }),
      'confirm-email': () => client.post('confirm-email', { token: tokenOf(moving.link) }),
      'undo-email-change': () => client.post('undo-email-change', { token: tokenOf(undoChangeMail.link) }),
      'undo-deletion': () => client.post('undo-deletion', { token: tokenOf(undoDeletionMail.link) }),
      'undo-factor': () => client.post('undo-factor', { token: enrolled.added }),
      'reset of factors': () =>
        client.send('DELETE', `/api/v1/admin/users/${enrolled.userId}/factors`, {
          token: eventlessAda.access,
        }),
      'change-password': () =>
        client.post('change-password', { current_password: password, new_password }, { token }),
      'logout-all': () => client.post('logout-all', undefined, { token }),
      'DELETE me': () => client.send('DELETE', 'me', { token, body: { password } }),
      deactivate: () => change(userId, { is_active: false }),
      roles: () => change(userId, { roles: ['user', 'admin'] }),
      'logout by an administrator': () => logout(userId),
      'DELETE by an administrator': () => remove(userId),
    }
    return { account, actions }
  }

  test('the audit event cannot be stored → the action fails with 500, changes nothing, and works later', async t => {
    const { account, actions } = await prepareActions()
    const before = await allRows()
    const { redis, keys } = world
    const sessions = () => redis.zrange(keys.sessions(account.userId), 0, -1)
    const sessionsBefore = await sessions()
    for (const [name, action] of Object.entries(actions)) {
      const { status, body, text } = await withoutEvents(action)
      t.is(status, 500, `${name}: ${body?.code}`)
      t.false(text.includes('no room'))
      t.deepEqual(await allRows(), before, name)
      t.deepEqual(await sessions(), sessionsBefore, name)
    }
    t.is((await client.get('me', { token: account.access })).status, 200)
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 200)

    for (const name of [
      'confirm-email',
      'undo-email-change',
      'undo-deletion',
      'undo-factor',
      'deactivate',
    ] as const)
      t.true((await actions[name]()).status < 300, `${name}: the link was not used up`)
  })
}
