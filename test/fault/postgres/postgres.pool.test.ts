import test from 'ava'
import pg from 'pg'
import { findUser } from '../../../src/features/users/store.ts'
import { timeouts } from '../../../src/platform/config/timeouts.ts'
import { poolOf } from '../../../src/platform/postgres/postgres.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { timed } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ timeouts })
test.after.always(() => world[Symbol.asyncDispose]())
const { client, deps, sql } = world

/** Ends every connection of the application, as an administrator of Postgres or a failover would. */
const killAll = () =>
  sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'latchkey'`,
  )

test.serial('a read whose connection is ended is asked once more, and nobody notices', async t => {
  const account = await anAccount(client)
  const replies: number[] = []
  for (let i = 0; i < 10; i++) {
    const asking = Promise.all(Array.from({ length: 8 }, () => client.get('me', { token: account.access })))
    await killAll()
    replies.push(...(await asking).map(({ status }) => status))
  }
  t.deepEqual(
    replies.filter(status => status !== 200 && status !== 503),
    [],
  )
  t.true(
    replies.filter(status => status === 200).length >= 72,
    `${replies.filter(s => s !== 200).length} refused`,
  )
})

test.serial('a read that is killed in the middle is answered by another connection', async t => {
  const account = await anAccount(client)
  const holder = new pg.Client({ connectionString: world.env.DATABASE_URL })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
  const reading = findUser(deps.reads, account.userId)
  await until('the read waits', async () => {
    const waiting = await sql(
      `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM users%'`,
    )
    return waiting.length > 0
  })
  await killAll()
  await holder.query('COMMIT')
  await holder.end()
  t.is((await reading)?.id, account.userId)
})

test.serial(
  'connections that are ended between the statements of a transaction are a fault, and no error of ours',
  async t => {
    const statuses: number[] = []
    for (let i = 0; i < 25; i++) {
      const asked = Promise.all(
        Array.from({ length: 8 }, () =>
          client.post('login', { email: anEmail(), password: 'wrong horse 9' }),
        ),
      )
      for (let k = 0; k < 6; k++) {
        await new Promise(resolve => setTimeout(resolve, Math.random() * 6))
        await killAll()
      }
      statuses.push(...(await asked).map(({ status }) => status))
    }
    t.deepEqual(
      statuses.filter(status => status !== 401 && status !== 503),
      [],
    )
  },
)

test.serial('when every connection is taken, those who come late are told so at once', async t => {
  const account = await anAccount(client)
  const pool = poolOf(deps.database)
  const taken = await Promise.all(Array.from({ length: 10 }, () => pool.connect()))
  // A pool that lacks one of them would never end.
  const giveBack = () => {
    for (const connection of taken.splice(0)) connection.release()
  }
  t.teardown(giveBack)
  const asked = Array.from({ length: 120 }, () => timed(client.post('forgot-password', { email: anEmail() })))
  const answers = await Promise.all(asked)
  t.is(pool.waitingCount, 0)
  t.deepEqual([...new Set(answers.map(({ reply }) => reply.status))], [503])
  for (const { reply, took } of answers) {
    t.true(Number(reply.headers.get('retry-after')) >= 1)
    // Five seconds, and what else this machine has to do.
    t.true(took < 8000)
  }
  const atOnce = world.logs.filter(line => line.includes('ERR_POOL_BUSY'))
  t.true(atOnce.length > 0)
  await until('what every request reads comes by another way', async () => {
    const { status } = await client.get('me', { token: account.access })
    return status === 200
  })
  giveBack()
  t.is((await client.post('forgot-password', { email: anEmail() })).status, 202)
})
