import test from 'ava'
import pg from 'pg'
import { assertNoDuplicates, lastUntilFelt, onRoute, runFaults } from '../chaos/fault-run.ts'
import { openPostgresFaultWorld } from '../chaos/fault-world.ts'
import { until } from '../until.ts'

const setup = await openPostgresFaultWorld(['max_connections=40'])
const { world, urls, server: postgres } = setup
const own: pg.Client[] = []
const releaseAll = () => Promise.all(own.splice(0).map(each => each.end().catch(() => {})))
test.after.always(async () => {
  await releaseAll()
  await setup[Symbol.asyncDispose]()
})

const another = async (): Promise<pg.Client> => {
  const one = new pg.Client({ connectionString: postgres.url })
  one.on('error', () => {})
  await one.connect()
  own.push(one)
  return one
}

const endServiceConnections = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE pid <> pg_backend_pid() AND application_name = 'latchkey'`

/** Takes every connection of the server, also those of the service. */
const takeAll = async (): Promise<void> => {
  const first = await another()
  await until('every connection to be taken', async () => {
    const { rowCount } = await first.query(endServiceConnections)
    const more = await Promise.allSettled(Array.from({ length: 15 }, another))
    const full = more.some(({ status }) => status === 'rejected')
    return full && rowCount === 0
  })
}

test.serial('Postgres has no free connection → 503 in time, and the service recovers', async t => {
  const answers = await runFaults(t, {
    world,
    urls,
    faults: {
      'no connection left': async load => {
        await takeAll()
        await lastUntilFelt(load, 2500)
        await releaseAll()
      },
    },
  })
  const { median } = onRoute(answers['no connection left'], 'me')
  t.true(median < 2500, `${median} ms`)
  await assertNoDuplicates(t, world)
})
