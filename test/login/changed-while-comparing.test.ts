import test from 'ava'
import pg from 'pg'
import { type Account, anAccount, password } from '../make.ts'
import { openWorld, until } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

/** Lets a login compare its password, holds it before it is recorded, changes the row meanwhile, lets it go on. */
const loginAcross = async (account: Account, change: (client: pg.Client) => Promise<unknown>) => {
  const client = new pg.Client({ connectionString: world.config.DATABASE_URL })
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query('SELECT 1 FROM users WHERE id = $1 FOR UPDATE', [account.userId])
    const answer = world.client.post('login', { email: account.email, password: account.password })
    await until('a login that waits', async () => {
      const waiting = await world.sql(
        `SELECT 1 FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'UPDATE "users"%'`,
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

const sessionsOf = ({ userId }: Account) => world.deps.redis.zcard(world.deps.keys.sessions(userId))

test.serial('a password that was changed between the comparison and the session opens nothing', async t => {
  const account = await anAccount(world.client)
  const hash = await world.deps.hasher.hash('another horse 9')
  const reply = await loginAcross(account, client =>
    client.query('UPDATE users SET password_hash = $2, session_epoch = session_epoch + 1 WHERE id = $1', [
      account.userId,
      hash,
    ]),
  )
  t.is(reply.status, 401)
  t.is(reply.body.code, 'INVALID_CREDENTIALS')
  t.is(await sessionsOf(account), 1, 'that of the registration alone')
  const stored = await world.sql('SELECT password_hash FROM users WHERE id = $1', [account.userId])
  t.deepEqual(stored, [{ password_hash: hash }])
})

test.serial('an account that was deactivated meanwhile stays shut', async t => {
  const account = await anAccount(world.client)
  const reply = await loginAcross(account, client =>
    client.query('UPDATE users SET is_active = false WHERE id = $1', [account.userId]),
  )
  t.is(reply.status, 403)
  t.is(reply.body.code, 'ACCOUNT_DEACTIVATED')
  t.is(await sessionsOf(account), 1)
})

test.serial('an account that was deleted meanwhile is as unknown as any', async t => {
  const account = await anAccount(world.client)
  const reply = await loginAcross(account, client =>
    client.query('DELETE FROM users WHERE id = $1', [account.userId]),
  )
  t.is(reply.status, 401)
  t.is(reply.body.code, 'INVALID_CREDENTIALS')
})

test.serial('a session that begins after all were ended is not one of them', async t => {
  const account = await anAccount(world.client)
  const reply = await loginAcross(account, client =>
    client.query('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [account.userId]),
  )
  t.is(reply.status, 200)
  t.is((await world.client.get('me', { token: reply.body.access_token })).status, 200)
  t.is((await world.client.get('me', { token: account.access })).status, 401)
})

test.serial('a hash that was renewed meanwhile, of the same password, is no reason to refuse it', async t => {
  const account = await anAccount(world.client)
  const hash = await world.deps.hasher.hash(password)
  const reply = await loginAcross(account, client =>
    client.query('UPDATE users SET password_hash = $2 WHERE id = $1', [account.userId, hash]),
  )
  t.is(reply.status, 200)
})
