import anyTest from 'ava'
import pg from 'pg'
import { openHasher } from '../../../src/platform/crypto/password.ts'
import { type Account, anAccount, anEmail, hashOf, password } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'

// Sign-in with email and password.

const test = anyTest.serial

const world = await openWorld()
const other = await world.instance()
const costWorld = await openWorld({ env: { BCRYPT_COST: '5' } })
anyTest.after.always(async () => {
  for (const each of [world, costWorld]) await each[Symbol.asyncDispose]()
})

{
  const login = (email: string, password: string) => world.client.post('login', { email, password })

  test('correct password → 200, a separate session and an updated last_login_at', async t => {
    const { email, password, userId, sessionId, access } = await anAccount(world.client)
    const { status, headers, body } = await login(` ${email.toUpperCase()}`, password)
    t.is(status, 200)
    t.is(headers.get('cache-control'), 'no-store')
    t.deepEqual(Object.keys(body).sort(), [
      'access_token',
      'expires_in',
      'refresh_expires_in',
      'refresh_token',
      'session_id',
      'token_type',
      'user',
    ])
    t.is(body.user.id, userId)
    t.not(body.session_id, sessionId)
    t.true(Math.abs(Date.parse(body.user.last_login_at) - Date.now()) < 60_000)
    t.deepEqual((await world.client.get('me', { token: body.access_token })).body, body.user)
    t.is((await world.client.get('me', { token: access })).status, 200, 'the earlier session stays valid')
  })

  // bcrypt itself ignores everything after 72 bytes, and some implementations stop at a NUL byte.
  const pairs: [what: string, right: string, wrong: string][] = [
    ['that differ in the 73rd byte', `${'A1'.repeat(36)}x`, `${'A1'.repeat(36)}y`],
    ['that differ beyond 72 bytes of four each', `a1${'😀'.repeat(30)}`, `a1${'😀'.repeat(29)}😁`],
    ['of which one is the first 72 bytes of the other', `${'A1'.repeat(36)}x`, 'A1'.repeat(36)],
    ['that differ after a NUL', 'bridge 47\0d', 'bridge 47\0e'],
    ['of which one ends before the NUL of the other', 'bridge 47\0d', 'bridge 47'],
    ['that differ in case', 'Correct Horse 9', 'correct horse 9'],
    ['that differ in a space at the end', 'correct horse 9 ', 'correct horse 9'],
    ['that differ in a space at the front', ' correct horse 9', 'correct horse 9'],
    ['that NFKC normalization would make equal', 'ﬁne horse 99', 'fine horse 99'],
  ]

  for (const [what, right, wrong] of pairs)
    test(`two passwords ${what} → each opens only its own account`, async t => {
      const [one, two] = [anEmail(), anEmail()]
      await anAccount(world.client, { email: one, password: right })
      await anAccount(world.client, { email: two, password: wrong })
      t.is((await login(one, right)).status, 200)
      t.is((await login(one, wrong)).status, 401)
      t.is((await login(two, wrong)).status, 200)
      t.is((await login(two, right)).status, 401)
    })

  test('a password typed in NFC or NFD form → both forms sign in', async t => {
    const composed = 'crème brûlée 9'.normalize('NFC')
    const decomposed = composed.normalize('NFD')
    t.not(composed, decomposed)
    const long = (word: string) => word.repeat(8)
    for (const [made, typed] of [
      [composed, decomposed],
      [decomposed, composed],
      [long(composed), long(decomposed)],
    ] as const) {
      const { email } = await anAccount(world.client, { password: made })
      t.is((await login(email, made)).status, 200)
      t.is((await login(email, typed)).status, 200)
    }
  })

  test('stored password no longer meets the policy → login still succeeds', async t => {
    const { email, userId } = await anAccount(world.client)
    const hash = await hashOf('short')
    await world.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [userId, hash])
    t.is((await login(email, 'short')).status, 200)
  })
}

{
  const costlier = openHasher({ cost: 5, threads: 1 })
  anyTest.after.always(() => costlier[Symbol.asyncDispose]())

  const hashOf = async (id: string): Promise<string> =>
    (await world.sql<{ password_hash: string }>('SELECT password_hash FROM users WHERE id = $1', [id]))[0]
      ?.password_hash ?? ''

  /** An account whose password was hashed at another bcrypt cost. */
  const anAccountAtOldCost = async () => {
    const account = await anAccount(world.client)
    const hash = await costlier.hash(password)
    await world.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [account.userId, hash])
    return { ...account, hash }
  }

  const login = (email: string, tried = password, client = world.client) =>
    client.post('login', { email, password: tried })

  test('BCRYPT_COST=5 → a new password is hashed with cost 5', async t => {
    const { userId } = await anAccount(costWorld.client)
    const [row] = await costWorld.sql<{ password_hash: string }>('SELECT * FROM users WHERE id = $1', [
      userId,
    ])
    t.regex(row?.password_hash ?? '', /^\$2b\$05\$/)
  })

  test('BCRYPT_COST has changed → the next login rehashes the password once', async t => {
    const { email, userId, hash } = await anAccountAtOldCost()
    t.regex(hash, /^\$2b\$05\$/)
    t.is((await login(email)).status, 200)
    const renewed = await hashOf(userId)
    t.regex(renewed, /^\$2b\$04\$/)
    t.is((await login(email)).status, 200)
    t.is(await hashOf(userId), renewed)
    t.is((await login(email, 'wrong horse 9')).status, 401)
  })

  test('wrong password or deactivated account → login does not rehash the password', async t => {
    const { email, userId, hash } = await anAccountAtOldCost()
    t.is((await login(email, 'wrong horse 9')).status, 401)
    t.is(await hashOf(userId), hash)
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
    t.is((await login(email)).status, 403)
    t.is(await hashOf(userId), hash)
  })

  test('bcrypt hash in the PHP format $2y$ → login succeeds and rehashes it as $2b$', async t => {
    const { email, userId, hash } = await anAccountAtOldCost()
    await world.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [
      userId,
      hash.replace('$2b$', '$2y$'),
    ])
    t.is((await login(email)).status, 200)
    t.regex(await hashOf(userId), /^\$2b\$04\$/)
  })

  test('ten concurrent logins while the hash is renewed → all succeed', async t => {
    for (let round = 0; round < 5; round++) {
      const { email } = await anAccountAtOldCost()
      const replies = await Promise.all(
        Array.from({ length: 10 }, (_, i) => login(email, password, i % 2 ? other.client : world.client)),
      )
      t.deepEqual(
        replies.map(({ status }) => status),
        Array(10).fill(200),
      )
    }
  })
}

{
  /**
   * Holds a login between the password comparison and the update of its row, runs `change`, then lets the
   * login continue.
   */
  const loginDuring = async (account: Account, change: (client: pg.Client) => Promise<unknown>) => {
    const client = new pg.Client({ connectionString: world.env.DATABASE_URL })
    await client.connect()
    try {
      await client.query('BEGIN')
      await client.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [account.userId])
      const answer = world.client.post('login', { email: account.email, password: account.password })
      await until('the login to wait for the row lock', async () => {
        const waiting = await world.sql(
          `SELECT 1 FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%UPDATE users%'`,
        )
        return waiting.length > 0
      })
      await change(client)
      await client.query('COMMIT')
      return await answer
    } finally {
      await client.end()
    }
  }

  const sessionsOf = ({ userId }: Account) => world.redis.zcard(world.keys.sessions(userId))

  test('password changed while a login compares the old one → 401 and no session', async t => {
    const account = await anAccount(world.client)
    const hash = await hashOf('another horse 9')
    const reply = await loginDuring(account, client =>
      client.query('UPDATE users SET password_hash = $2, session_epoch = session_epoch + 1 WHERE id = $1', [
        account.userId,
        hash,
      ]),
    )
    t.is(reply.status, 401)
    t.is(reply.body.code, 'INVALID_CREDENTIALS')
    t.is(await sessionsOf(account), 1, 'only the session of the registration')
    const stored = await world.sql('SELECT password_hash FROM users WHERE id = $1', [account.userId])
    t.deepEqual(stored, [{ password_hash: hash }])
  })

  test('account deactivated while a login compares its password → 403 and no session', async t => {
    const account = await anAccount(world.client)
    const reply = await loginDuring(account, client =>
      client.query('UPDATE users SET is_active = false WHERE id = $1', [account.userId]),
    )
    t.is(reply.status, 403)
    t.is(reply.body.code, 'ACCOUNT_DEACTIVATED')
    t.is(await sessionsOf(account), 1)
  })

  test('account deleted while a login compares its password → 401 as for an unknown account', async t => {
    const account = await anAccount(world.client)
    const reply = await loginDuring(account, client =>
      client.query('DELETE FROM users WHERE id = $1', [account.userId]),
    )
    t.is(reply.status, 401)
    t.is(reply.body.code, 'INVALID_CREDENTIALS')
  })

  test('all sessions ended while a login runs → the session of that login stays valid', async t => {
    const account = await anAccount(world.client)
    const reply = await loginDuring(account, client =>
      client.query('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [account.userId]),
    )
    t.is(reply.status, 200)
    t.is((await world.client.get('me', { token: reply.body.access_token })).status, 200)
    t.is((await world.client.get('me', { token: account.access })).status, 401)
  })

  test('hash of the same password renewed while a login runs → login succeeds', async t => {
    const account = await anAccount(world.client)
    const hash = await hashOf(password)
    const reply = await loginDuring(account, client =>
      client.query('UPDATE users SET password_hash = $2 WHERE id = $1', [account.userId, hash]),
    )
    t.is(reply.status, 200)
  })
}

// A bcrypt hash over id, address and password together ignores the password once the address is long (Okta,
// October 2024).

test('account with a 254-character email, wrong password → 401', async t => {
  const local = anEmail().split('@')[0]?.padEnd(64, 'a')
  const email = `${local}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.exampl`
  t.is(email.length, 254)
  const { password } = await anAccount(world.client, { email })
  for (const wrong of ['wrong horse 9', `${password}x`, password.slice(0, -1), 'x'])
    t.is((await world.client.post('login', { email, password: wrong })).status, 401, wrong)
  t.is((await world.client.post('login', { email, password })).status, 200)
})
