import anyTest from 'ava'
import pg from 'pg'
import { v7 as uuid } from 'uuid'
import { deliver } from '../../../src/features/mail-delivery/deliver.ts'
import { addEmailJobs } from '../../../src/platform/mail/queue.ts'
import { compileAll } from '../../../src/platform/mail/render.ts'
import { openTransport } from '../../../src/platform/mail/transport.ts'
import { startWorker } from '../../../src/processes/worker/start-worker.ts'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { monitorRedis } from '../../redis-monitor.ts'
import { plainTheme } from '../../theme.ts'
import { until } from '../../until.ts'

// How many statements and commands one delivered email costs.

const test = anyTest.serial

await compileAll(plainTheme, ['en'])
const world = await openLocalWorld()
const { userId, email } = await anAccount(world.client)
anyTest.after.always(() => world[Symbol.asyncDispose]())

const queueRows = async (kind: string, count: number): Promise<string[]> => {
  const ids = Array.from({ length: count }, () => uuid())
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
     SELECT id, $2, $3, $4, 'en', now() + interval '1 hour' FROM unnest($1::uuid[]) AS id`,
    [ids, kind, email, userId],
  )
  return ids
}

/** The tables that this process reads or writes meanwhile. Other statements are of periodic work, such as key rotation. */
const statementsOf = async (steps: () => Promise<unknown>): Promise<string[]> => {
  const { query } = pg.Client.prototype
  const seen: string[] = []
  pg.Client.prototype.query = function counted(this: pg.Client, ...args: unknown[]) {
    const [first] = args as [string | { text: string }]
    const text = typeof first === 'string' ? first : first.text
    const [, statement] =
      /^\s*(WITH e|UPDATE (?:emails|users)|SELECT .*? FROM (?:emails|users|audit_events)|INSERT INTO \w+|DELETE FROM \w+)/s.exec(
        text,
      ) ?? []
    if (statement) seen.push(statement.replace(/SELECT .*? FROM/s, 'SELECT FROM'))
    return (query as (...args: unknown[]) => unknown).apply(this, args)
  } as typeof query
  try {
    await steps()
    return seen
  } finally {
    pg.Client.prototype.query = query
  }
}

test('a delivered email → one statement begins the attempt and reads the account, one ends it', async t => {
  using transport = openTransport(world.mails.url)
  const deliveryOf = async (kind: string) => {
    const [id = ''] = await queueRows(kind, 1)
    return statementsOf(async () => t.is(await deliver({ ...world.deps, transport }, id), 'sent'))
  }
  for (const kind of ['reset_password', 'verify_email', 'welcome'])
    t.deepEqual(await deliveryOf(kind), ['WITH e', 'UPDATE emails'], kind)
})

test('a queue of 60 emails → two commands of Redis for each: add it, and finish it while taking the next', async t => {
  const ids = await queueRows('welcome', 60)
  await using redis = await monitorRedis(world)
  await redis.seen()
  await addEmailJobs(world.deps.queue, ids)
  const worker = startWorker(world.deps)
  t.teardown(worker.close)
  await until('all emails to be sent', async () => {
    const rows = await world.sql("SELECT FROM emails WHERE id = ANY($1) AND status = 'sent'", [ids])
    return rows.length === ids.length
  })
  const scripts = (await redis.seen()).filter(([name = '']) => /^eval(?:sha)?$/i.test(name))
  // The worker also takes the first jobs, looks for stalled ones, and may find an empty queue.
  t.true(scripts.length > 100 && scripts.length <= 2 * ids.length + 30, String(scripts.length))
})
