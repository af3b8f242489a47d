import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { queryOnce } from '../../src/dev-services/probe.ts'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { assertNoDuplicates, lastUntilFelt, runFaults } from '../chaos/fault-run.ts'
import { highLimits, takeTurn } from '../chaos/fault-world.ts'
import { terminateConnections } from '../chaos/faults.ts'
import { openMovableAddress } from '../chaos/movable-address.ts'
import { canReplicate, openOwnPostgres, openReplica } from '../chaos/servers.ts'
import { openLocalWorld } from '../local-world.ts'

const opened = new AsyncDisposableStack()
opened.use(await takeTurn('postgres'))
const postgres = opened.use(await openOwnPostgres())
const address = opened.use(await openMovableAddress(postgres.url))
const world = opened.use(
  await openLocalWorld({
    timeouts,
    worker: true,
    servers: { databaseUrl: address.through(postgres.url) },
    env: { RATE_LIMITS: highLimits },
  }),
)
const other = await world.instance()
test.after.always(() => opened.disposeAsync())

test.serial(
  'connections to Postgres are killed again and again under load → at most a brief 503, nothing twice',
  async t => {
    let killed = 0
    await runFaults(t, {
      world,
      urls: [world.url, other.url],
      faults: {
        'killed connections': async load => {
          for (let i = 0; i < 60; i++) {
            killed += (await world.sql(terminateConnections)).length
            await sleep(40)
          }
          await load.served(10)
        },
      },
    })
    t.true(killed > 20, `${killed} connections were killed`)
    await assertNoDuplicates(t, world)
  },
)

const replicated = canReplicate ? test.serial : test.serial.skip

replicated(
  'the primary crashes under load and its replica is promoted → 503 meanwhile, nothing lost',
  async t => {
    await using replica = await openReplica(postgres)
    await runFaults(t, {
      world,
      urls: [world.url, other.url],
      faults: {
        'a promotion': async load => {
          await postgres.stop('immediate')
          // Until the promotion the address leads to a replica, which accepts no writes.
          address.moveTo(replica.url)
          await lastUntilFelt(load, 1500)
          await queryOnce(replica.url, 'SELECT pg_promote()')
        },
      },
    })
    const [served] = await world.sql<{ port: number }>('SELECT inet_server_port() AS port')
    t.is(served?.port, replica.peer.port)
    await assertNoDuplicates(t, world)
  },
)
