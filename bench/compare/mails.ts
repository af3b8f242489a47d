import { setTimeout as sleep } from 'node:timers/promises'
import { v7 as uuid } from 'uuid'
import { addEmailJobs } from '../../src/platform/mail/queue.ts'
import { median } from '../statistics.ts'
import { inBatches, makeAccounts, withClient } from './accounts.ts'
import { cpuSeconds } from './cpu.ts'
import { shown, spread } from './figures.ts'
import { askProcess } from './hashes.ts'
import { latchkeyEnv } from './latchkey.ts'
import { addAccounts, openDeps } from './latchkey-data.ts'
import { launch } from './process.ts'
import type { Run, Section } from './run.ts'
import { openSink, type Sink } from './sink.ts'

const timeoutMs = 120_000

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

const deliver = async (run: Run, counts: number[]): Promise<{ perSecond: number; cpu: number }[]> => {
  await using stack = new AsyncDisposableStack()
  const databaseUrl = await run.stores.database('bench_mails')
  const sink = stack.use(await openSink())
  const env = { ...(await latchkeyEnv(databaseUrl, run.stores.redis())), SMTP_URL: sink.url }
  const deps = stack.use(await openDeps(env))
  const start = { script: '../src/worker.ts', env, ready: '/metrics', portAs: 'METRICS_PORT' }
  const { pids } = stack.use(await launch(start))
  const measured: { perSecond: number; cpu: number }[] = []
  let sent = 0
  for (const [turn, count] of counts.entries()) {
    const ids = await writeEmails(databaseUrl, count, `mail-${turn}`)
    const before = cpuSeconds(pids)
    const began = performance.timeOrigin + performance.now()
    await inBatches(ids, 1000, batch => addEmailJobs(deps.queue, batch))
    sent += count
    const last = await untilReceived(sink, sent)
    const cpu = ((cpuSeconds(pids) - before) / count) * 1e6
    measured.push({ perSecond: (count / (last - began)) * 1000, cpu })
  }
  // Leave out the first batch: the worker had just started.
  return measured.slice(1)
}

type Rendered = { perSecond: number; cpu: number }

/** Measures one worker process, with a mail server on the same machine that accepts every email. */
export const measureMails = async (run: Run): Promise<Section> => {
  const rounds = run.quick ? 1 : Math.min(run.rounds, 3)
  const rendered: Rendered[] = []
  for (let round = 0; round < rounds; round++)
    rendered.push(await askProcess<Rendered>('render-process.ts', [run.quick ? '1500' : '4000']))
  const delivered = await deliver(run, [
    300,
    ...Array.from({ length: rounds }, () => (run.quick ? 1200 : 4000)),
  ])
  const line = (name: string, measured: Rendered[]) => [
    ...[name, shown(median(measured.map(({ perSecond }) => perSecond)))],
    ...[spread(measured.map(({ perSecond }) => perSecond)), shown(median(measured.map(({ cpu }) => cpu)))],
  ]
  const budget = (name: string, wanted: number, measured: Rendered[]) => {
    const perSecond = median(measured.map(each => each.perSecond))
    const texts = { wanted: `≥ ${shown(wanted)} / s`, measured: `${shown(perSecond)} / s` }
    return { line: name, ...texts, held: perSecond >= wanted }
  }
  return {
    title: 'Emails',
    note: 'Rendered: subject, HTML and text of three kinds of email in turn, each for another user. Delivered: a worker process takes jobs from the queue, records the attempt, reads the user, issues the one-time token, renders, sends by SMTP and updates the row. The mail server runs on the same machine.',
    table: {
      head: ['', 'emails/s', 'spread', 'CPU µs/email'],
      rows: [line('rendered', rendered), line('delivered', delivered)],
    },
    budgets: [
      budget('emails rendered by one worker', 20_000, rendered),
      budget('emails delivered to a local mail server by one worker', 500, delivered),
    ],
  }
}
