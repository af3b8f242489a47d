import test from 'ava'
import pg from 'pg'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { anAccount, anEmail, password } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { timed } from '../proxied-instance.ts'
import { until } from '../until.ts'
import { openOwnPostgres } from './servers.ts'
import { lasts, noDoubles, poolOf, roomyLimits, storm, takeTurn } from './storm.ts'

const turn = await takeTurn('postgres')
const postgres = await openOwnPostgres()
const world = await openLocalWorld({
  timeouts,
  worker: true,
  servers: { databaseUrl: postgres.url },
  env: { RATE_LIMITS: roomyLimits },
})
const other = await world.instance()
test.after.always(async () => {
  await postgres.resume()
  await world[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
  await turn[Symbol.asyncDispose]()
})

const { client } = world

/** Holds a table as a migration that hangs would. Returns what lets go of it. */
const lockUsers = async (): Promise<() => Promise<void>> => {
  const holder = new pg.Client({ connectionString: postgres.url })
  holder.on('error', () => {})
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
  return () => holder.end()
}

test.serial('a Postgres that hangs or waits for locks: 503 in time, and the pool recovers', async t => {
  await storm(t, {
    world,
    urls: [world.url, other.url],
    gusts: {
      'a standstill': async crowd => {
        await postgres.pause()
        // Longer than a read waits, and who connects anew after it.
        await lasts(crowd, 6000)
        await postgres.resume()
      },
      'a locked table': async crowd => {
        const release = await lockUsers()
        await lasts(crowd, 3500)
        await release()
      },
    },
  })
  await noDoubles(t, world)
})

test.serial(
  'a pool whose every connection is taken says 503 soon, and lets nobody wait for long',
  async t => {
    // Each thread that hashes has started before.
    const [account] = await Promise.all([anAccount(client), anAccount(client), anAccount(client)])
    const { access, email } = account
    const pool = poolOf(world.deps.database)
    const release = await lockUsers()
    const flood = Array.from({ length: 120 }, (_, i) =>
      timed(
        i % 3 === 0
          ? client.post('login', { email, password })
          : i % 3 === 1
            ? client.get('me', { token: access })
            : client.post('register', { email: anEmail(), password }),
      ),
    )
    await until('the pool is exhausted', () => pool.totalCount === 10 && pool.waitingCount > 20)
    const answers = await Promise.all(flood)
    t.deepEqual([...new Set(answers.map(({ reply }) => reply.status))], [503])
    // Five seconds, and what else this machine has to do.
    t.true(Math.max(...answers.map(({ took }) => took)) < 8000)
    t.true(answers.every(({ reply }) => Number(reply.headers.get('retry-after')) >= 1))
    t.is(pool.waitingCount, 0, 'nobody waits who was answered')
    t.is((await client.get('/livez')).status, 200)
    t.is((await client.get('/.well-known/paseto-keys')).status, 200)

    await release()
    await until('all are served', async () => {
      const again = Array.from({ length: 40 }, () => client.get('me', { token: access }))
      return (await Promise.all(again)).every(({ status }) => status === 200)
    })
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 200)
  },
)
