import test from 'ava'
import { sendRaw, withContent } from '../http/raw.ts'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld({ env: { TRUSTED_PROXIES: '1' } })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const { client, clock, deps, sql } = world
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

// What both instances say of the tokens of a session.
const told = async (access: string, token: string) => {
  const codes = new Set<string>()
  for (const by of [client, other.client]) {
    codes.add((await by.get('me', { token: access })).body.code)
    codes.add((await refresh(token, by)).body.code)
  }
  return [...codes].sort()
}
const ended = ['INVALID_REFRESH_TOKEN', 'SESSION_REVOKED']

test.serial('a session is listed with where it came from, and with no secret of it', async t => {
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
  t.true(Math.abs(Date.parse(created_at) - Date.now() - clock.shift) < 5000)
  t.is(Date.parse(expires_at) - Date.parse(created_at), 30 * day)
  t.false(body.data.find(({ id }: Session) => id === account.sessionId).current)
})

test.serial('the latest used comes first, and a refresh counts as use', async t => {
  const account = await anAccount(client)
  clock.shift += minute
  const second = await login(account)
  clock.shift += minute
  const third = await login(account)
  t.deepEqual(idsOf(await list(third.access_token)), [third.session_id, second.session_id, account.sessionId])

  clock.shift += minute
  const { body } = await refresh(account.refresh)
  const [first, ...others] = await list(body.access_token)
  t.is(first?.id, account.sessionId)
  t.deepEqual(idsOf(others), [third.session_id, second.session_id])
  t.true(first?.current)
  const used = Date.parse(String(first?.last_used_at)) - Date.parse(String(first?.created_at))
  t.true(used >= 3 * minute && used < 4 * minute)
})

test.serial(
  'a revoked session ends at once on every instance, and is told as an end and no theft',
  async t => {
    const account = await anAccount(client)
    const elsewhere = await login(account)
    const successor = (await refresh(elsewhere.refresh_token)).body
    const reply = await revoke(elsewhere.session_id, account.access, other.client)
    t.is(reply.status, 204)
    t.is(reply.text, '')
    t.deepEqual(await told(elsewhere.access_token, elsewhere.refresh_token), ended)
    t.deepEqual(await told(successor.access_token, successor.refresh_token), ended)
    t.deepEqual(idsOf(await list(account.access)), [account.sessionId])
    t.is((await refresh(account.refresh)).status, 200)
    t.is((await revoke(elsewhere.session_id, account.access)).status, 404, 'twice')

    const events = await sql<{ type: string }>('SELECT type FROM audit_events WHERE session_id = $1', [
      elsewhere.session_id,
    ])
    t.deepEqual(events, [{ type: 'session.ended' }])
  },
)

test.serial('the present session can be revoked too', async t => {
  const account = await anAccount(client)
  t.is((await revoke(account.sessionId, account.access)).status, 204)
  t.deepEqual(await told(account.access, account.refresh), ended)
})

test.serial('the session of somebody else is not there, and lives on', async t => {
  const [mine, theirs] = [await anAccount(client), await anAccount(client)]
  const refused = await revoke(theirs.sessionId, mine.access)
  t.is(refused.status, 404)
  t.is(refused.body.code, 'NOT_FOUND')
  t.false(idsOf(await list(mine.access)).includes(theirs.sessionId))
  t.is((await client.get('me', { token: theirs.access })).status, 200)
  t.is((await refresh(theirs.refresh)).status, 200)
})

test.serial('an id that is none is not there', async t => {
  const { access, sessionId } = await anAccount(client)
  const ids = ['x', '*', '%00', '%2A', '..%2F', sessionId.slice(1), `${sessionId}0`, `${sessionId}%0A`]
  for (const id of [...ids, sessionId.replaceAll('-', '')]) {
    const reply = await revoke(id, access)
    t.is(reply.status, 404, id)
    t.is(reply.body.code, 'NOT_FOUND')
  }
  t.is((await list(access)).length, 1)
})

test.serial('nobody lists or revokes without an access token', async t => {
  const { sessionId, refresh: token } = await anAccount(client)
  const cookie = `__Host-latchkey=${token}`
  const headers = { cookie, origin: 'http://latchkey.test', 'sec-fetch-site': 'same-origin' }
  t.is((await client.get('sessions', { headers })).body.code, 'AUTH_ERROR')
  t.is((await client.send('DELETE', `sessions/${sessionId}`, { headers })).body.code, 'AUTH_ERROR')
  t.is((await refresh(token)).status, 200)
})

test.serial('sessions of an older epoch are not listed, though Redis still has them', async t => {
  const account = await anAccount(client)
  await sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [account.userId])
  const { access_token, session_id } = await login(account)
  t.is(await deps.redis.exists(deps.keys.session(account.userId, account.sessionId)), 1)
  t.deepEqual(idsOf(await list(access_token)), [session_id])
})

test.serial('sessions that were quiet for too long are not listed, though Redis still has them', async t => {
  const account = await anAccount(client)
  clock.shift += 6 * day
  const later = await login(account)
  clock.shift += 1.5 * day
  const { body } = await refresh(later.refresh_token)
  t.is(await deps.redis.exists(deps.keys.session(account.userId, account.sessionId)), 1)
  t.deepEqual(idsOf(await list(body.access_token)), [later.session_id])
})

const hostile = {
  'very long': 'A'.repeat(8000),
  'one word after another': 'x/1 '.repeat(64),
  'many brackets': `Mozilla/5.0 ${'('.repeat(200)}`,
  HTML: '<script>alert(1)</script><img src=x onerror=alert(1)>/1.0 x',
  'a prototype': '__proto__/1.0 constructor/2.0',
  'bytes that are no ASCII': '\x80\x85\x9f\xa0\xff/1.0 \xad',
  'a tab': 'a\tb/1.0 c',
}
for (const [what, userAgent] of Object.entries(hostile))
  test.serial(`a user agent of ${what} does not break the list`, async t => {
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

test.serial('a user agent with control bytes is no request', async t => {
  const { email, password } = await anAccount(client)
  const body = JSON.stringify({ email, password })
  for (const byte of ['\0', '\x01', '\x1b']) {
    const head = withContent('POST', '/api/v1/auth/login', body.length, `User-Agent: a${byte}b`)
    t.is((await sendRaw(world.url, head, body)).status, 400)
  }
})
