import test from 'ava'
import pg from 'pg'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'
import { openOwnPostgres } from './servers.ts'
import { lasts, noDoubles, onRoute, roomyLimits, storm, takeTurn } from './storm.ts'

const turn = await takeTurn('postgres')
const postgres = await openOwnPostgres(['max_connections=40'])
const world = await openLocalWorld({
  timeouts,
  worker: true,
  servers: { databaseUrl: postgres.url },
  env: { RATE_LIMITS: roomyLimits },
})
const other = await world.instance()
const own: pg.Client[] = []
const letGo = () => Promise.all(own.splice(0).map(each => each.end().catch(() => {})))
test.after.always(async () => {
  await letGo()
  await world[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
  await turn[Symbol.asyncDispose]()
})

const another = async (): Promise<pg.Client> => {
  const one = new pg.Client({ connectionString: postgres.url })
  one.on('error', () => {})
  await one.connect()
  own.push(one)
  return one
}

const othersGone = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE pid <> pg_backend_pid() AND application_name = 'latchkey'`

/** Takes every connection that the server has, those of the app included. */
const takeAll = async (): Promise<void> => {
  const first = await another()
  await until('every connection is taken', async () => {
    const { rowCount } = await first.query(othersGone)
    const more = await Promise.allSettled(Array.from({ length: 15 }, another))
    const full = more.some(({ status }) => status === 'rejected')
    return full && rowCount === 0
  })
}

test.serial('a Postgres that has no connection left: 503 in time, and all is well afterwards', async t => {
  const met = await storm(t, {
    world,
    urls: [world.url, other.url],
    gusts: {
      'no connection left': async crowd => {
        await takeAll()
        await lasts(crowd, 2500)
        await letGo()
      },
    },
  })
  const { median } = onRoute(met['no connection left'], 'me')
  t.true(median < 2500, `${median} ms`)
  await noDoubles(t, world)
})
