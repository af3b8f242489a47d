import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { Redis } from 'ioredis'
import pg, { type Pool } from 'pg'
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js'
import { limitNames } from '../../src/platform/catalog/limits.ts'
import type { Database } from '../../src/platform/postgres/postgres.ts'
import type { Reply } from '../client.ts'
import type { LocalWorld } from '../local-world.ts'
import { until } from '../until.ts'
import { brokenInvariants, type Excepted } from './invariants.ts'
import { type Answer, type Crowd, startCrowd } from './traffic.ts'

/** Limits that count, and that nobody meets. */
export const roomyLimits = limitNames.map(name => `${name}=100000/15m`).join(',')

/**
 * Waits until no other file breaks a server of this kind. Several at once on two cores would take the machine's slowness
 * for a fault that goes on.
 */
export const takeTurn = async (kind: 'redis' | 'postgres'): Promise<AsyncDisposable> => {
  const client = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL })
  client.on('error', () => {})
  await client.connect()
  await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`faults of ${kind}`])
  return { [Symbol.asyncDispose]: () => client.end() }
}

type Storm = {
  world: LocalWorld
  urls: string[]
  /** Each breaks something, waits, and mends it. */
  gusts: Record<string, (crowd: Crowd) => Promise<void>>
  excepted?: Excepted
}

/**
 * Lets a crowd meet faults, one after the other, with a full recovery after each, and asserts that every invariant held.
 * Returns by gust what was asked while it blew.
 */
export const storm = async (
  t: ExecutionContext,
  { world, urls, gusts, excepted = {} }: Storm,
): Promise<Record<string, Answer[]>> => {
  // Small, since its servers, instances and clients may have a third of a core among them.
  await using crowd = await startCrowd(world, { urls, honest: 4, hostile: 1, pace: 150 })
  const met: Record<string, Answer[]> = {}
  for (const [name, blow] of Object.entries(gusts)) {
    await crowd.served(10)
    const from = Date.now()
    crowd.struck()
    await blow(crowd)
    const to = Date.now()
    const took = await crowd.recovered()
    t.log(`${name}: served again ${took} ms after it was over`)
    met[name] = crowd.answers.filter(({ at }) => at >= from && at <= to)
  }
  await crowd.served(20)
  await crowd.stop()
  // What no job was made for would wait for 15 s more.
  await world.sql(`UPDATE emails SET sweep_after = now() WHERE status = 'queued'`)
  const broken = await brokenInvariants(crowd, excepted)
  const failed = world.logs.filter(line => line.includes('"request failed"'))
  if (broken.length > 0) t.log(...failed.slice(0, 3))
  t.deepEqual(broken, [])
  return met
}

/**
 * Lets a fault last: so long at least, and until somebody honest met it. On which route is chance: who meets it insists, and
 * does nothing else.
 */
export const lasts = async (crowd: Crowd, milliseconds: number): Promise<void> => {
  const seen = crowd.answers.length
  await sleep(milliseconds)
  await until('the fault is felt', () =>
    crowd.answers.slice(seen).some(({ who, status }) => who === 'honest' && status === 503),
  )
}

/** Asks until the answer is none of a fault: a busy machine may be slow for a moment more. */
export const settled = (ask: () => Promise<Reply>): Promise<Reply> =>
  until('an answer that is no fault', async () => {
    const reply = await ask()
    return reply.status !== 503 && reply
  })

/** Of answers to honest clients, those on one route: how many of each status, and how long the middle one took. */
export const onRoute = (answers: Answer[] | undefined, route: string) => {
  const found = (answers ?? []).filter(answer => answer.who === 'honest' && answer.route === route)
  const times = found.map(({ ms }) => ms).sort((a, b) => a - b)
  const counts: Record<number, number> = {}
  for (const { status } of found) counts[status] = (counts[status] ?? 0) + 1
  return { counts, median: times[Math.floor(times.length / 2)] ?? 0 }
}

/** A connection past the app. It waits while its server is away. */
export const openAdmin = (url: string): Redis => {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  redis.on('error', () => {})
  return redis
}

/** Asserts that no registration, login or request for a mail was carried out oftener than it was asked for. */
export const noDoubles = async (t: ExecutionContext, { sql }: LocalWorld): Promise<void> => {
  const mails = await sql(
    `SELECT user_id, count(*) FROM emails WHERE kind = 'verify_email' GROUP BY user_id HAVING count(*) > 1`,
  )
  t.deepEqual(mails, [], 'each registration owes one mail')
  const events = await sql(
    `SELECT user_id, count(*) FROM audit_events WHERE type = 'user.registered'
      GROUP BY user_id HAVING count(*) > 1`,
  )
  t.deepEqual(events, [], 'and is told of once')
}

/** The connections that an instance has. */
export const poolOf = (database: Database): Pool => (database.driver as PostgresDriver).master as Pool
