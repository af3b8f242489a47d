import { setTimeout as sleep } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { Redis } from 'ioredis'
import type { Pool } from 'pg'
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js'
import type { Database } from '../../src/platform/postgres/postgres.ts'
import type { Reply } from '../client.ts'
import type { LocalWorld } from '../local-world.ts'
import { until } from '../until.ts'
import { type Allowed, brokenInvariants } from './invariants.ts'
import { type Load, startLoad } from './load.ts'
import type { Answer } from './recorder.ts'

type FaultRun = {
  world: LocalWorld
  urls: string[]
  /** Each begins a fault, waits, and ends it. */
  faults: Record<string, (load: Load) => Promise<void>>
  allowed?: Allowed
}

/**
 * Exposes a load to faults, one after another, with a full recovery after each, and asserts that every invariant held.
 * Returns the answers during each fault by its name.
 */
export const runFaults = async (
  t: ExecutionContext,
  { world, urls, faults, allowed = {} }: FaultRun,
): Promise<Record<string, Answer[]>> => {
  // A small load, since its servers, instances and clients may share a third of a core.
  await using load = await startLoad(world, { urls, honest: 4, hostile: 1, restMs: 150 })
  const answersDuring: Record<string, Answer[]> = {}
  for (const [name, fault] of Object.entries(faults)) {
    await load.served(10)
    const from = Date.now()
    load.faultBegins()
    await fault(load)
    const to = Date.now()
    const took = await load.recovered()
    t.log(`${name}: served again ${took} ms after the fault ended`)
    answersDuring[name] = load.answers.filter(({ at }) => at >= from && at <= to)
  }
  await load.served(20)
  await load.stop()
  // Emails whose job was lost would wait 15 s more for the sweep.
  await world.sql(`UPDATE emails SET sweep_after = now() WHERE status = 'queued'`)
  const broken = await brokenInvariants(load, allowed)
  const failed = world.logs.filter(line => line.includes('"request failed"'))
  if (broken.length > 0) t.log(...failed.slice(0, 3))
  t.deepEqual(broken, [])
  return answersDuring
}

/**
 * Lets a fault last for at least this long, and until an honest client gets a 503. Any route counts: a client that gets
 * a 503 repeats that request and sends no other.
 */
export const lastUntilFelt = async (load: Load, milliseconds: number): Promise<void> => {
  const before = load.answers.length
  await sleep(milliseconds)
  await until('an honest client to get a 503', () =>
    load.answers.slice(before).some(({ actor, status }) => actor === 'honest' && status === 503),
  )
}

/** Repeats a request while its answer is 503: a busy machine may recover a moment later. */
export const untilServed = (ask: () => Promise<Reply>): Promise<Reply> =>
  until('an answer other than 503', async () => {
    const reply = await ask()
    return reply.status !== 503 && reply
  })

/** Counts the answers to honest clients on one route by status, and takes the median of their times. */
export const onRoute = (answers: Answer[] | undefined, route: string) => {
  const found = (answers ?? []).filter(answer => answer.actor === 'honest' && answer.route === route)
  const times = found.map(({ ms }) => ms).sort((a, b) => a - b)
  const counts: Record<number, number> = {}
  for (const { status } of found) counts[status] = (counts[status] ?? 0) + 1
  return { counts, median: times[Math.floor(times.length / 2)] ?? 0 }
}

/** A connection to Redis that bypasses the service. It waits while its server is down. */
export const openAdmin = (url: string): Redis => {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  redis.on('error', () => {})
  return redis
}

/** Asserts that no registration, login or request for an email took effect more often than it was sent. */
export const assertNoDuplicates = async (t: ExecutionContext, { sql }: LocalWorld): Promise<void> => {
  const mails = await sql(
    `SELECT user_id, count(*) FROM emails WHERE kind = 'verify_email' GROUP BY user_id HAVING count(*) > 1`,
  )
  t.deepEqual(mails, [], 'each registration queues one email')
  const events = await sql(
    `SELECT user_id, count(*) FROM audit_events WHERE type = 'user.registered'
      GROUP BY user_id HAVING count(*) > 1`,
  )
  t.deepEqual(events, [], 'each registration writes one audit event')
}

/** The connections of an instance to Postgres. */
export const poolOf = (database: Database): Pool => (database.driver as PostgresDriver).master as Pool
