import test from 'ava'
import { Users } from '../../src/accounts/entity.ts'
import { type Account, anAccount, anEmail, password, tokenOf } from '../make.ts'
import { openWorld, until } from '../world.ts'

// What is held on somebody is theirs to read: all of it, nobody else's, and no secret.

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())
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
const kindsOf = (mails: Mail[]) => mails.map(({ kind }) => kind)
const typesOf = (events: Event[]) => events.map(({ type }) => type)

test.serial('everything is there, in the form that it has elsewhere', async t => {
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

test.serial('every column of an account is exported, but for those that are inner works', async t => {
  const { body } = await exported(await anAccount(client))
  const inner = ['password_hash', 'session_epoch', 'failed_logins', 'erase_after']
  const held = Object.keys(Users.options.columns).filter(name => !inner.includes(name))
  t.deepEqual(Object.keys(body.user).sort(), [...held, 'mfa_enabled'].sort())
})

test.serial('it grows with each thing that is done', async t => {
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
  const types = ['user.registered']
  const kinds = ['verify_email']
  for (const [what, act, newTypes, newKinds] of steps) {
    await act()
    types.push(...newTypes)
    kinds.push(...newKinds)
    const { body } = await exported(account)
    t.deepEqual(typesOf(body.audit_events), types, what)
    t.deepEqual(kindsOf(body.emails), kinds, what)
  }
  const { body } = await exported(account)
  t.is(body.emails.at(-1).recipient, moved)
})

test.serial('no secret is part of it', async t => {
  const account = await anAccount(client, full)
  const { email } = account
  const verifying = await world.mails.to(email)
  await client.post('forgot-password', { email })
  const reset = await world.mails.to(email, 2)
  const { body: next } = await client.post('refresh', { refresh_token: account.refresh })
  const [row] = await world.sql<{ password_hash: string }>('SELECT password_hash FROM users WHERE id = $1', [
    account.userId,
  ])
  const session = await world.deps.redis.hgetall(world.deps.keys.session(account.userId, account.sessionId))
  const proof = await world.deps.redis.hgetall(world.deps.keys.proof(account.userId, 'reset_password'))
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
  t.deepEqual(shape(body.audit_events), ['type', 'ip', 'user_agent', 'created_at'])
})

test.serial('it is one’s own and nobody else’s, whatever is asked for', async t => {
  const [mine, yours] = [await anAccount(client), await anAccount(client, { full_name: 'Canaria' })]
  // Neither what I did to others, nor who did something to me, is mine to read more of than that it was done.
  await world.sql(
    `INSERT INTO audit_events (id, type, user_id, actor_id, ip, user_agent)
     VALUES (gen_random_uuid(), 'user.deactivated', $1, $2, '203.0.113.9', 'canary')`,
    [yours.userId, mine.userId],
  )
  await client.post('forgot-password', { email: yours.email })
  await settled()
  const { text: plain } = await exported(mine)
  for (const query of [`?user_id=${yours.userId}`, `?id=${yours.userId}`, `?email=${yours.email}`]) {
    const { status, text } = await exported(mine, query)
    if (status === 200) t.is(text, plain)
    else t.is(status, 400)
  }
  for (const word of [yours.userId, yours.email, yours.sessionId, 'Canaria', 'canary', '203.0.113.9'])
    t.false(plain.includes(word))
  for (const token of [undefined, mine.refresh, `${mine.access}x`])
    t.is((await client.get('me/export', { token })).status, 401)
})

test.serial(
  'whether the mail to a new address was sent, and so whether somebody has it, is not told',
  async t => {
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
  },
)

test.serial('where an administrator works is not told', async t => {
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
