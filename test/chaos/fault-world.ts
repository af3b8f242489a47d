import pg from 'pg'
import { limits } from '../../src/modules.ts'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { type LocalInstance, type LocalWorld, openLocalWorld } from '../local-world.ts'
import { type OwnServer, openOwnPostgres, openOwnRedis } from './servers.ts'

// The world of a fault test: two instances and a worker with the timeouts of production, and a store that can fail.

/** Rate limits that count, and that no client reaches. */
export const highLimits = limits.map(({ name }) => `${name}=100000/15m`).join(',')

/**
 * Waits until no other file breaks a server of this kind. Several such files at once on two cores would look like a
 * fault that continues.
 */
export const takeTurn = async (kind: 'redis' | 'postgres'): Promise<AsyncDisposable> => {
  const client = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL })
  client.on('error', () => {})
  await client.connect()
  await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`faults of ${kind}`])
  return { [Symbol.asyncDispose]: () => client.end() }
}

export type FaultWorld = AsyncDisposable & {
  server: OwnServer
  world: LocalWorld
  other: LocalInstance
  urls: string[]
}

const openFaultWorld = async (
  kind: 'redis' | 'postgres',
  open: () => Promise<OwnServer>,
): Promise<FaultWorld> => {
  await using opening = new AsyncDisposableStack()
  opening.use(await takeTurn(kind))
  const server = opening.use(await open())
  const servers = kind === 'redis' ? { redisUrl: server.url } : { databaseUrl: server.url }
  const env = { RATE_LIMITS: highLimits }
  const world = opening.use(await openLocalWorld({ timeouts, worker: true, servers, env }))
  const other = await world.instance()
  // A test that fails in the middle of a fault leaves the server stopped, and the world could not close then.
  opening.defer(async () => {
    await server.resume()
    await server.start().catch(() => {})
  })
  const opened = opening.move()
  const urls = [world.url, other.url]
  return { server, world, other, urls, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Opens a world with its own Postgres. */
export const openPostgresFaultWorld = (settings: string[] = []): Promise<FaultWorld> =>
  openFaultWorld('postgres', () => openOwnPostgres(settings))

/** Opens a world with its own Redis. */
export const openRedisFaultWorld = (): Promise<FaultWorld> => openFaultWorld('redis', openOwnRedis)
