import { setTimeout as sleep } from 'node:timers/promises'
import { v7 as uuid } from 'uuid'
import { addEmailJobs } from '../../src/platform/mail/queue.ts'
import { median } from '../statistics.ts'
import { inBatches, makeAccounts, withClient } from './accounts.ts'
import { mostBudget, shown, spread } from './figures.ts'
import { interleaved } from './interleaved.ts'
import { latchkeyEnv } from './latchkey.ts'
import { addAccounts, openDeps } from './latchkey-data.ts'
import { launch } from './process.ts'
import type { Part, Row, Run } from './run.ts'
import { openSink, type Sink } from './sink.ts'
import { readUsage, usedBetween } from './usage.ts'

const timeoutMs = 120_000

/** CPU times in microseconds an email. */
type Delivered = { cpu: number; redis: number; postgres: number; perSecond: number; disturbed: number }

/** Adds accounts and a row of the outbox for each, which the sweep does not take yet. */
const writeEmails = async (databaseUrl: string, count: number, word: string): Promise<string[]> => {
  const all = makeAccounts(count, word)
  await addAccounts(databaseUrl, all, 'none')
  const ids = all.map(() => uuid())
  await withClient(databaseUrl, client =>
    client.query(
      `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
       SELECT id, 'verify_email', email, "user", 'en', now() + interval '1 hour'
       FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS m (id, email, "user")`,
      [ids, all.map(({ email }) => email), all.map(({ id }) => id)],
    ),
  )
  return ids
}

const untilReceived = async (sink: Sink, count: number): Promise<number> => {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(50)) {
    const received = await sink.received()
    if (received.count >= count) return received.last
    if (Date.now() > deadline) throw new Error(`${received.count} of ${count} emails arrived`)
  }
}

const measure = async (run: Run): Promise<Row<Delivered>[]> => {
  await using stack = new AsyncDisposableStack()
  const databaseUrl = await run.stores.database('bench_mails')
  const sink = stack.use(await openSink())
  const own = await latchkeyEnv(databaseUrl, run.stores.redis(), 'worker')
  const env = { ...own, SMTP_URL: sink.url }
  const deps = stack.use(await openDeps(env))
  const start = { script: '../src/worker.ts', env, ready: '/metrics', portAs: 'METRICS_PORT' }
  const { pids } = stack.use(await launch(start))
  let batches = 0
  let sent = 0
  const deliver = async (count: number): Promise<Delivered> => {
    const ids = await writeEmails(databaseUrl, count, `mail-${batches++}`)
    const before = readUsage(pids, process.pid)
    const began = performance.timeOrigin + performance.now()
    await inBatches(ids, 1000, batch => addEmailJobs(deps.queue, batch))
    sent += count
    const last = await untilReceived(sink, sent)
    const used = usedBetween(before, readUsage(pids, process.pid))
    return {
      ...{ cpu: used.service / count, redis: used.redis / count, postgres: used.postgres / count },
      ...{ perSecond: (count / (last - began)) * 1000, disturbed: used.disturbed },
    }
  }
  // The first emails run code that is not compiled yet.
  await deliver(run.quick ? 300 : 1000)
  return await interleaved(run, [{ name: 'delivered' }], () => deliver(run.quick ? 600 : 2000))
}

/** One worker process, with a mail server on the same machine that accepts every email. */
export const mails: Part<Row<Delivered>[]> = {
  ...{ needs: [], measure },
  describe: rows => {
    const rounds = rows[0]?.rounds ?? []
    const all = (key: 'cpu' | 'redis' | 'postgres' | 'perSecond') => rounds.map(each => each[key])
    const cpu = median(all('cpu'))
    return {
      title: 'Emails',
      note: 'A worker process takes jobs from the queue, records the attempt, reads the user, issues the one-time token, renders, sends by SMTP and updates the row. 2,000 emails a round. The mail server runs on the same machine.',
      table: {
        head: [
          ...['', 'CPU µs/email', 'spread', 'Redis µs/email', 'Postgres µs/email', 'emails/s', 'spread'],
        ],
        rows: [
          [
            ...['delivered', shown(cpu), spread(all('cpu'))],
            ...[shown(median(all('redis'))), shown(median(all('postgres')))],
            ...[shown(median(all('perSecond'))), spread(all('perSecond'))],
          ],
        ],
      },
      budgets: [
        mostBudget(
          'CPU time of a delivered email in the worker',
          2,
          cpu / 1000,
          value => `${shown(value)} ms`,
        ),
      ],
    }
  },
}
