import test from 'ava'
import pg from 'pg'
import { type Account, anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { anApp } from '../../totp.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { readPostgres, readRedis } from '../secrecy/stored-data.ts'

// 30 days after its deletion an account is erased with all personal data. Data of other accounts stays.

const world = await openWorld({ worker: true, env: { TRUSTED_PROXIES: '1', EMAIL_LOGIN: 'on' } })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const settled = () =>
  until('no email is queued', async () => {
    const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
    return queued.length === 0
  })
const remove = ({ access }: Account, options: { headers?: Record<string, string> } = {}) =>
  client.send('DELETE', 'me', { token: access, body: { password }, ...options })
const setDue = (...ids: string[]) =>
  world.sql(`UPDATE users SET erase_after = now() - interval '1 second' WHERE id = ANY($1)`, [ids])
const exists = async (id: string) => (await world.sql('SELECT 1 FROM users WHERE id = $1', [id])).length === 1
const erase = () => world.run('eraseAccounts')
const anAdminAccount = async () => {
  const account = await anAccount(client)
  await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [account.userId])
  const { body } = await client.post('login', { email: account.email, password })
  return { ...account, access: body.access_token as string }
}

test.serial('an account was deleted less than 30 days ago → the erasure job leaves it', async t => {
  const account = await anAccount(client)
  await remove(account)
  const [row] = await world.sql<{ left: number }>(
    'SELECT extract(epoch FROM erase_after - now())::float8 AS left FROM users WHERE id = $1',
    [account.userId],
  )
  t.true(Math.abs((row?.left ?? 0) - 30 * 86_400) < 60)
  t.is(await erase(), 0)
  t.true(await exists(account.userId))
})

test.serial('an account is erased → Postgres and Redis hold no personal data of its owner', async t => {
  const admin = await anAdminAccount()
  const canary = {
    name: 'Canaria Xylophone',
    phone: '+4915112345678',
    address: '7 Canary Wharf',
    agent: 'CanaryBrowser/7',
    ip: '203.0.113.77',
  }
  const from = { headers: { 'user-agent': canary.agent, 'x-forwarded-for': canary.ip } }
  const { name: full_name, phone, address } = canary
  const email = anEmail()
  const made = await client.post('register', { email, password, full_name, phone, address }, from)
  const { access_token: access, user } = made.body
  const me = { ...from, token: access }
  const picture_url = 'https://canary.example/7'
  await client.patch('me', { picture_url }, me)
  await client.post('login', { email, password }, from)
  await client.post('login', { email, password: 'wrong horse 9' }, from)
  await client.post('resend-verification', { email }, from)
  const newEmail = anEmail()
  await client.post('change-email', { current_password: password, new_email: newEmail }, me)
  const { link } = await world.mails.to(newEmail)
  await client.post('confirm-email', { token: tokenOf(link) }, from)
  await client.post('forgot-password', { email: newEmail }, from)
  const factor = 'Canary telephone'
  const app = await anApp(client, access)
  await client.patch(`factors/${app.id}`, { name: factor }, me)
  await client.post('factors/passkeys/options', {}, me)
  await client.post('reauthenticate', { code: '12345678' }, me)
  await client.post('login', { email: newEmail, password }, from)
  const asked = await client.post('login/email', { email: newEmail }, from)
  const guess = { login_token: asked.body.login_token, code: '12345678' }
  await client.post('login/email/confirm', guess, from)
  await settled()
  // The event of an action on another account is kept, without the IP address and the user agent of the actor.
  const target = await anAccount(client)
  await world.sql(
    `INSERT INTO audit_events (id, type, user_id, actor_id, ip, user_agent)
     VALUES (gen_random_uuid(), 'user.deactivated', $1, $2, $3, $4)`,
    [target.userId, user.id, canary.ip, canary.agent],
  )
  const personalData = [
    user.id,
    email,
    newEmail,
    full_name,
    phone,
    address,
    factor,
    canary.agent,
    canary.ip,
    'canary.example',
  ]
  const found = async () => {
    const rows = (await readPostgres(world)).map(each => ({ ...each.row, actor_id: null }))
    const held = JSON.stringify([rows, await readRedis(world)])
    return personalData.filter(word => held.includes(word))
  }
  t.deepEqual(await found(), personalData)

  const deletion = await client.send('DELETE', `/api/v1/admin/users/${user.id}`, { token: admin.access })
  t.is(deletion.status, 204)
  await settled()
  t.is(await erase(), 1)
  t.false(await exists(user.id))
  // The feed of revocations has the bare id, until the last access token has expired.
  t.deepEqual(await found(), [user.id])
  await world.sql(`UPDATE revocations SET at = at - interval '17 minutes'`)
  await world.travel(17 * 60_000)
  await world.run('repairFeed')
  await world.travel(0)
  // Redis drops these keys itself, by the clock that no test can move.
  for (const key of await world.keysLike('*:challenge:*')) {
    t.true((await world.redis.pttl(key)) <= 10 * 60_000)
    await world.redis.del(key)
  }
  t.true((await world.redis.pttl(world.keys.revocationsOf(user.id))) <= 16 * 60_000)
  await world.redis.del(world.keys.revocationsOf(user.id))
  t.deepEqual(await found(), [])
  const acts = await world.sql(
    'SELECT type, ip, user_agent FROM audit_events WHERE user_id = $1 AND actor_id = $2',
    [target.userId, user.id],
  )
  t.deepEqual(acts, [{ type: 'user.deactivated', ip: null, user_agent: null }])
})

test.serial('an account is erased → its known devices are deleted', async t => {
  const account = await anAccount(client)
  const seen = world.keys.seen(account.userId)
  t.is(await world.redis.zcard(seen), 1)
  await remove(account)
  await setDue(account.userId)
  await erase()
  t.is(await world.redis.exists(seen), 0)
})

test.serial(
  'an account is erased → emails to its address without a user id are deleted, also queued ones',
  async t => {
    const account = await anAccount(client)
    const { email, userId } = account
    await client.post('resend-verification', { email })
    await settled()
    await remove(account)
    await settled()
    await client.post('forgot-password', { email })
    await settled()
    const count = async () =>
      (await world.sql('SELECT 1 FROM emails WHERE user_id IS NULL AND recipient = $1', [email])).length
    t.is(await count(), 2)
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
     VALUES (gen_random_uuid(), 'reset_password', $1, NULL, 'en', now() + interval '1 hour')`,
      [email],
    )
    await setDue(userId)
    await erase()
    t.is((await world.sql('SELECT 1 FROM emails WHERE recipient = $1', [email])).length, 0)
  },
)

test.serial(
  'an account is erased → emails to its former addresses are deleted unless another account has them',
  async t => {
    const [first, second, last] = [anEmail(), anEmail(), anEmail()]
    const account = await anAccount(client, { email: first })
    for (const newEmail of [second, last]) {
      await client.post(
        'change-email',
        { current_password: password, new_email: newEmail },
        { token: account.access },
      )
      await client.post('confirm-email', { token: tokenOf((await world.mails.to(newEmail)).link) })
    }
    const newOwner = await anAccount(client, { email: second })
    for (const email of [first, second, last]) await client.post('forgot-password', { email })
    await settled()
    await remove(account)
    await settled()
    await setDue(account.userId)
    t.is(await erase(), 0, 'an undo link of the email change still works')
    await world.sql('UPDATE emails SET proof_spent_at = now() WHERE user_id = $1', [account.userId])
    t.is(await erase(), 1)
    const left = await world.sql(
      'SELECT kind, recipient, user_id FROM emails WHERE recipient = ANY($1) ORDER BY id',
      [[first, second, last]],
    )
    t.deepEqual(left, [
      { kind: 'verify_email', recipient: second, user_id: newOwner.userId },
      { kind: 'reset_password', recipient: second, user_id: null },
    ])
  },
)

test.serial('an account is erased → rows, keys and sessions of other accounts are unchanged', async t => {
  const bystander = await anAccount(client, { full_name: 'By Stander' })
  await client.post('login', { email: bystander.email, password: 'wrong horse 9' })
  const waiting = await anAccount(client)
  await remove(waiting)
  const account = await anAccount(client)
  await remove(account)
  await settled()
  const ids = [bystander.userId, waiting.userId]
  const snapshot = async () => [
    await world.sql('SELECT * FROM users WHERE id = ANY($1) ORDER BY id', [ids]),
    await world.sql('SELECT * FROM emails WHERE user_id = ANY($1) ORDER BY id', [ids]),
    await world.sql('SELECT * FROM audit_events WHERE user_id = ANY($1) ORDER BY id', [ids]),
    (await readRedis(world)).filter(({ key }) => ids.some(id => key.includes(id))),
  ]
  const before = await snapshot()
  await setDue(account.userId)
  t.is(await erase(), 1)
  t.deepEqual(await snapshot(), before)
  t.is((await client.get('me', { token: bystander.access })).status, 200)
})

test.serial(
  'another account takes a former address and is erased → the undo link of the first owner still works',
  async t => {
    const owner = await anAccount(client)
    const verifying = await world.mails.to(owner.email)
    await client.post('verify-email', { token: tokenOf(verifying.link) })
    const newEmail = anEmail()
    await client.post(
      'change-email',
      { current_password: password, new_email: newEmail },
      { token: owner.access },
    )
    await client.post('confirm-email', { token: tokenOf((await world.mails.to(newEmail)).link) })
    await settled()
    const undo = await world.mails.to(owner.email, 3)
    t.true(undo.link.includes('undo-email-change'))

    const laterOwner = await anAccount(client, { email: owner.email })
    await remove(laterOwner)
    await settled()
    await setDue(laterOwner.userId)
    t.is(await erase(), 1)
    const back = await client.post('undo-email-change', { token: tokenOf(undo.link) })
    t.is(back.status, 200)
    t.is(back.body.email, owner.email)
  },
)

test.serial(
  'an account is erased → its undo link and tokens are refused, and its address registers a new account',
  async t => {
    const account = await anAccount(client, { full_name: 'Ada Lovelace' })
    const { email, userId } = account
    await world.mails.to(email)
    await remove(account)
    const token = tokenOf((await world.mails.to(email, 2)).link)
    await setDue(userId)
    await erase()

    const undone = await client.post('undo-deletion', { token })
    t.is(undone.status, 401)
    t.is(undone.body.code, 'INVALID_TOKEN')
    const page = await client.send('POST', 'undo-deletion/confirm', {
      body: new URLSearchParams({ token }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    t.is(page.status, 401)
    const login = await client.post('login', { email, password })
    t.is(login.status, 401)
    t.is(login.body.code, 'INVALID_CREDENTIALS')
    t.is((await client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')

    const again = await anAccount(client, { email, password: 'another horse 10' })
    t.not(again.userId, userId)
    const { body } = await client.get('me', { token: again.access })
    t.is(body.full_name, null)
    t.is((await client.post('undo-deletion', { token })).status, 401)
    t.is((await client.get('me', { token: account.access })).status, 401)
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 401)
    const { events, emails } = await client
      .get('me/export', { token: again.access })
      .then(({ body }) => ({ events: body.audit_events.length, emails: body.emails.length }))
    t.deepEqual({ events, emails }, { events: 1, emails: 1 }, 'its own registration alone')
  },
)

test.serial(
  'several workers erase 350 due accounts at once → each account is erased exactly once',
  async t => {
    const emails = Array.from({ length: 350 }, anEmail)
    const made = await world.sql<{ id: string }>(
      `INSERT INTO users (id, email, erase_after)
     SELECT gen_random_uuid(), e, now() - interval '1 minute' FROM unnest($1::text[]) e RETURNING id`,
      [emails],
    )
    const { userId } = await anAccount(client)
    const counts = await Promise.all([erase(), other.run('eraseAccounts'), erase()])
    t.is(
      counts.reduce((sum, count) => sum + count),
      made.length,
    )
    t.is((await world.sql('SELECT 1 FROM users WHERE email = ANY($1)', [emails])).length, 0)
    t.true(await exists(userId))
    t.is(await erase(), 0)
  },
)

test.serial(
  'undo and erasure at the same moment → 204 and the account exists, or 401 and it is gone',
  async t => {
    for (let round = 0; round < 5; round++) {
      const account = await anAccount(client)
      const { email, userId } = account
      await world.mails.to(email)
      await remove(account)
      const token = tokenOf((await world.mails.to(email, 2)).link)
      await setDue(userId)
      const [{ status }, count] = await Promise.all([client.post('undo-deletion', { token }), erase()])
      t.is(status, count === 0 ? 204 : 401)
      t.is(await exists(userId), count === 0)
      t.is((await world.sql('SELECT 1 FROM users WHERE email = $1', [email])).length, count === 0 ? 1 : 0)
    }
  },
)

/** Locks an account like an erasure until the request of `ask` waits for the lock, then commits the erasure. */
const duringErasure = async <T>(id: string, ask: () => Promise<T>): Promise<T> => {
  const eraser = new pg.Client({ connectionString: world.env.DATABASE_URL })
  await eraser.connect()
  try {
    await eraser.query('BEGIN')
    await eraser.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [id])
    const answer = ask()
    await until('a query waits for the lock', async () => {
      const waiting = await world.sql(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      )
      return waiting.length > 0
    })
    await eraser.query('DELETE FROM users WHERE id = $1', [id])
    await eraser.query('COMMIT')
    return await answer
  } finally {
    await eraser.end()
  }
}

test.serial('an undo waits for the lock of an erasure that commits → 401 INVALID_TOKEN', async t => {
  const account = await anAccount(client)
  await world.mails.to(account.email)
  await remove(account)
  const token = tokenOf((await world.mails.to(account.email, 2)).link)
  await settled()
  const { status, body } = await duringErasure(account.userId, () => client.post('undo-deletion', { token }))
  t.is(status, 401)
  t.is(body.code, 'INVALID_TOKEN')
})

test.serial(
  'a wrong password waits for the lock of an erasure that commits → 401 INVALID_CREDENTIALS',
  async t => {
    const { email, userId } = await anAccount(client)
    await settled()
    const wrong = { email, password: 'wrong horse 9' }
    const { status, body } = await duringErasure(userId, () => client.post('login', wrong))
    t.is(status, 401)
    t.is(body.code, 'INVALID_CREDENTIALS')
  },
)
