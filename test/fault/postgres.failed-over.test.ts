import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { queryOnce } from '../../src/dev-services/probe.ts'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { openLocalWorld } from '../local-world.ts'
import { openAddress } from './address.ts'
import { canReplicate, openOwnPostgres, openReplica } from './servers.ts'
import { lasts, noDoubles, roomyLimits, storm, takeTurn } from './storm.ts'

const opened = new AsyncDisposableStack()
opened.use(await takeTurn('postgres'))
const postgres = opened.use(await openOwnPostgres())
const address = opened.use(await openAddress(postgres.url))
const world = opened.use(
  await openLocalWorld({
    timeouts,
    worker: true,
    servers: { databaseUrl: address.of(postgres.url) },
    env: { RATE_LIMITS: roomyLimits },
  }),
)
const other = await world.instance()
test.after.always(() => opened.disposeAsync())

const killOthers = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`

test.serial('connections killed under load, again and again: at most a brief 503, nothing twice', async t => {
  let killed = 0
  await storm(t, {
    world,
    urls: [world.url, other.url],
    gusts: {
      'killed connections': async crowd => {
        for (let i = 0; i < 60; i++) {
          killed += (await world.sql(killOthers)).length
          await sleep(40)
        }
        await crowd.served(10)
      },
    },
  })
  t.true(killed > 20, `${killed} connections were killed`)
  await noDoubles(t, world)
})

const replicated = canReplicate ? test.serial : test.serial.skip

replicated(
  'a primary that dies under load and its replica promoted: 503 meanwhile, nothing lost',
  async t => {
    await using replica = await openReplica(postgres)
    await storm(t, {
      world,
      urls: [world.url, other.url],
      gusts: {
        'a promotion': async crowd => {
          await postgres.stop('immediate')
          // Who comes too early finds a replica, which takes no writes.
          address.moveTo(replica.url)
          await lasts(crowd, 1500)
          await queryOnce(replica.url, 'SELECT pg_promote()')
        },
      },
    })
    const [served] = await world.sql<{ port: number }>('SELECT inet_server_port() AS port')
    t.is(served?.port, replica.peer.port)
    await noDoubles(t, world)
  },
)
