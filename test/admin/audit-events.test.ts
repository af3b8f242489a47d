import test from 'ava'
import { auditTypes } from '../../src/base/audit.ts'
import type { Reply } from '../client.ts'
import { anEmail, password, tokenOf } from '../make.ts'
import { openWorld, until, type World } from '../world.ts'
import { actsOf } from './an-admin.ts'

// One account lives through every act that is kept, each from an address and by a program of its own.

/** Somebody with the role, signed in where an address must be verified first. */
const adminOf = async ({ client, sql }: World) => {
  const email = anEmail()
  await client.post('register', { email, password })
  await sql(`UPDATE users SET roles = '{user,admin}', email_verified = true WHERE email = $1`, [email])
  const { body } = await client.post('login', { email, password })
  return { userId: body.user.id as string, token: body.access_token as string }
}

const env = { TRUSTED_PROXIES: '1', REQUIRE_VERIFIED_EMAIL: 'true' }
const world = await openWorld({ worker: true, env })
const privately = await openWorld({ env: { ...env, REGISTRATION_PRIVACY: 'true' } })
const [ada, eve] = [await adminOf(world), await adminOf(privately)]
test.after.always(() => Promise.all([world, privately].map(each => each[Symbol.asyncDispose]())))

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
  (await actsOf(of.client, by.token).events(query)).body.data

let visits = 0
/** Where the next request comes from, and by what. */
const visitor = () => {
  visits++
  return { 'x-forwarded-for': `203.0.113.${visits}`, 'user-agent': `visitor/${visits}` }
}

type Asked = { method?: string; path: string; body?: unknown; token?: string | undefined }
const ask = ({ method = 'POST', path, body, token }: Asked, of = world): Promise<Reply> =>
  of.client.send(method, path, { body, token, headers: visitor() })

const mailTo = (address: string, part: string) =>
  until(`a mail about ${part}`, () =>
    world.mails.caught.findLast(({ to, link }) => to.includes(address) && link.includes(`/${part}`)),
  )

test.serial('every act leaves its event: who, whom, from where and by what', async t => {
  const [email, newEmail, next] = [anEmail(), anEmail(), 'another horse 10']
  const produced = new Set<string>()
  const secrets: string[] = [password, next, email, newEmail]
  let userId = ''

  /** Does something, and expects this event of it and no other. */
  const act = async (type: string, asked: Asked, { status = 200, by = ada, about = true } = {}) => {
    const before = await events('limit=1')
    const reply = await ask(asked)
    t.is(reply.status, status, `${type} ${reply.body?.code}`)
    if (type === 'user.registered') userId = reply.body.user.id
    const [event, ...others] = (await events('limit=10')).filter(({ id }) => id > (before[0]?.id ?? ''))
    t.deepEqual(others, [], type)
    t.like(event, {
      type,
      user_id: about ? userId : null,
      actor_id: asked.path.startsWith('/api/v1/admin') ? by.userId : null,
      ip: `203.0.113.${visits}`,
      user_agent: `visitor/${visits}`,
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
  const login = (body: unknown = right) => act('login.succeeded', { path: 'login', body })

  await act('user.registered', { path: 'register', body: right }, { status: 202 })
  await act('login.refused', { path: 'login', body: right }, { status: 403 })
  await act('user.email_verified', { path: 'verify-email', body: await mailed(email, 'verify-email') })
  const wrong = { password: 'wrong horse 10' }
  await act('login.failed', { path: 'login', body: { ...right, ...wrong } }, { status: 401 })
  await act(
    'login.failed',
    { path: 'login', body: { ...wrong, email: anEmail() } },
    { status: 401, about: false },
  )

  const stolen = await login()
  t.is((await ask({ path: 'refresh', body: { refresh_token: stolen.refresh_token } })).status, 200)
  world.clock.shift += 11_000
  const reuse = { path: 'refresh', body: { refresh_token: stolen.refresh_token } }
  const { event: reused } = await act('session.reused', reuse, { status: 401 })
  t.is(reused.session_id, stolen.session_id)

  const [first, second] = [await login(), await login()]
  const one = { method: 'DELETE', path: `sessions/${first.session_id}`, token: second.access_token }
  const { event: ended } = await act('session.ended', one, { status: 204 })
  t.is(ended.session_id, first.session_id)
  await act('session.ended', { path: 'logout', token: second.access_token }, { status: 204 })
  const third = await login()
  await act('sessions.ended', { path: 'logout-all', token: third.access_token }, { status: 204 })

  const fourth = await login()
  const move = { path: 'change-email', body: { current_password: password, new_email: newEmail } }
  await act('email.change_requested', { ...move, token: fourth.access_token }, { status: 202 })
  await act('email.changed', { path: 'confirm-email', body: await mailed(newEmail, 'confirm-email') })
  await act('email.change_undone', {
    path: 'undo-email-change',
    body: await mailed(email, 'undo-email-change'),
  })
  const reset = { ...(await mailed(email, 'reset-password')), new_password: password }
  await act('password.reset', { path: 'reset-password', body: reset }, { status: 204 })

  const fifth = await login()
  const mistaken = { current_password: 'wrong horse 10', new_password: next }
  const { event: refused } = await act(
    'password.refused',
    { path: 'change-password', body: mistaken, token: fifth.access_token },
    { status: 403 },
  )
  t.is(refused.session_id, fifth.session_id)
  const change = { current_password: password, new_password: next }
  const sixth = await act('password.changed', {
    path: 'change-password',
    body: change,
    token: fifth.access_token,
  })
  t.is(sixth.event.session_id, fifth.session_id)
  const leave = { method: 'DELETE', path: 'me', body: { password: next }, token: sixth.access_token }
  await act('user.deleted', leave, { status: 204 })
  await act(
    'user.deletion_undone',
    { path: 'undo-deletion', body: await mailed(email, 'undo-deletion') },
    { status: 204 },
  )

  const path = `/api/v1/admin/users/${userId}`
  const patch = { method: 'PATCH', path, token: ada.token }
  await act('user.roles_changed', { ...patch, body: { roles: ['user', 'admin'] } })
  await act('user.deactivated', { ...patch, body: { is_active: false } })
  await act('user.activated', { ...patch, body: { is_active: true } })
  await act('sessions.ended', { path: `${path}/logout`, token: ada.token }, { status: 204 })
  const [mail] = await world.sql<{ id: string }>(
    `UPDATE emails SET status = 'failed' WHERE user_id = $1 AND kind = 'welcome' RETURNING id`,
    [userId],
  )
  const again = { path: `/api/v1/admin/emails/${mail?.id}/retry`, token: ada.token }
  await act('email.retried', again, { status: 202 })
  await act('user.deleted', { method: 'DELETE', path, token: ada.token }, { status: 204 })

  t.deepEqual(
    auditTypes.filter(type => !produced.has(type)),
    // Acts of their own tests.
    ['user.registration_refused', 'password.closed', 'purchase.refunded'],
    'nothing that is kept was left out',
  )

  const kept = JSON.stringify(await world.sql('SELECT * FROM audit_events'))
  const { text } = await actsOf(world.client, ada.token).events('limit=100')
  for (const secret of secrets) {
    t.false(kept.includes(`"${secret}"`) || (secret.length > 6 && kept.includes(secret)))
    t.false(text.includes(`"${secret}"`) || (secret.length > 6 && text.includes(secret)))
  }
  t.notRegex(kept, /@|lk[pr]_|v4\.public|horse/)
})

test.serial('a refused registration names nobody', async t => {
  const email = anEmail()
  for (let i = 0; i < 2; i++)
    t.is((await ask({ path: 'register', body: { email, password } }, privately)).status, 202)
  const [event, before] = await events('limit=2', privately, eve)
  t.like(event, { type: 'user.registration_refused', user_id: null, user_agent: `visitor/${visits}` })
  t.is(before?.type, 'user.registered')
  t.false(JSON.stringify(await events('', privately, eve)).includes('@'))
})

test.serial('a hostile user agent is kept as a text, and no longer than 256 characters', async t => {
  const agent = `<script>alert(1)</script>' OR 1=1; ${'x'.repeat(400)}`
  const headers = { 'user-agent': agent, 'x-forwarded-for': 'canary7, nonsense' }
  await world.client.post('login', { email: anEmail(), password: 'wrong horse 10' }, { headers })
  const [event] = await events('limit=1')
  t.is(event?.user_agent, agent.slice(0, 256))
  t.regex(event?.ip ?? '', /^[\d.:a-f]+$/)
})

test.serial('events are filtered by user, type and time, the newest first, page by page', async t => {
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
  for (const [i, minutes] of [5, 4, 3, 2, 1].entries())
    await world.sql(
      `UPDATE audit_events SET created_at = timestamptz '2026-01-01T00:00Z' + make_interval(mins => $2) WHERE id = $1`,
      [all[i]?.id, minutes],
    )
  const at = (minute: number) => `2026-01-01T00:0${minute}:00Z`
  t.deepEqual(await typesOf(`from=${at(4)}`), ['refused', 'failed'], 'from is part of it')
  t.deepEqual(await typesOf(`to=${at(2)}`), ['registered'], 'to is not')
  t.deepEqual(await typesOf(`from=${at(2)}&to=${at(4)}`), ['refused', 'failed'])
  t.deepEqual(await typesOf(`from=${at(4)}&to=${at(2)}`), [])
  const zoned = encodeURIComponent('2026-01-01T02:04:00+02:00')
  t.deepEqual(await typesOf(`from=${zoned}`), ['refused', 'failed'], 'in any zone')

  const seen: string[] = []
  let cursor = ''
  do {
    const page = (await actsOf(world.client, ada.token).events(`user_id=${id}&limit=2${cursor}`)).body
    seen.push(...page.data.map((event: Event) => event.id))
    cursor = page.next_cursor ? `&cursor=${page.next_cursor}` : ''
    await world.client.post('login', { email, password: 'wrong horse 10' })
  } while (cursor && seen.length < 20)
  t.deepEqual(
    seen,
    all.map(event => event.id),
  )
})

test.serial('what is no query of the events is refused and not repeated (400)', async t => {
  const times = [
    'canary7',
    '',
    '2026',
    '2026-01-01',
    '1700000000',
    '2026-13-01T00:00:00Z',
    '2026-01-01T25:00:00Z',
  ]
  const wrong = [
    ...times.flatMap(text => [`from=${text}`, `to=${text}`]),
    ...['type=canary7', 'type=', 'type=login', 'user_id=canary7', 'user_id=', 'actor_id=x', 'canary7=1'],
    ...['cursor=canary7', 'limit=0', 'limit=1e1', 'type=login.failed&type=user.deleted'],
    `user_id=${ada.userId}&user_id=${ada.userId}`,
    'from=2026-01-01T00:00:00Z&from=2026-01-01T00:00:00Z',
  ]
  const ask = actsOf(world.client, ada.token).events
  for (const query of wrong) {
    const { status, text } = await ask(query)
    t.is(status, 400, query)
    if (!query.startsWith('canary7')) t.false(text.includes('canary7'), query)
  }
  const odd = ['2026-02-31T00:00:00Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z']
  const zones = ['2026-01-01T00:00:00%2B00', '2026-01-01T00:00:00-2359', '2026-01-01%2000:00:00Z']
  for (const text of [...odd, ...zones])
    for (const name of ['from', 'to'])
      t.true([200, 400].includes((await ask(`${name}=${text}`)).status), `${name}=${text}`)
})
