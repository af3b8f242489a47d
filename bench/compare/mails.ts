import { setTimeout as sleep } from 'node:timers/promises'
import { v7 as uuid } from 'uuid'
import { addEmails } from '../../src/platform/mail/queue.ts'
import { median } from '../statistics.ts'
import { cpuSeconds } from './cpu.ts'
import { shown, spread } from './figures.ts'
import { askProcess } from './hashes.ts'
import { latchkeyEnv } from './latchkey.ts'
import { addPeople, openDeps } from './latchkey-data.ts'
import { inBatches, people, withClient } from './people.ts'
import { launch } from './process.ts'
import type { Run, Section } from './run.ts'
import { openSink, type Sink } from './sink.ts'

const timeoutMs = 120_000

/** People, and a row of the outbox for each, that no sweeper looks for yet. */
const owe = async (databaseUrl: string, count: number, word: string): Promise<string[]> => {
  const all = people(count, word)
  await addPeople(databaseUrl, all, 'none')
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

const untilCame = async (sink: Sink, count: number): Promise<number> => {
  for (const deadline = Date.now() + timeoutMs; ; await sleep(50)) {
    const came = await sink.came()
    if (came.count >= count) return came.last
    if (Date.now() > deadline) throw new Error(`${came.count} of ${count} mails came`)
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
    const ids = await owe(databaseUrl, count, `mail-${turn}`)
    const before = cpuSeconds(pids)
    const began = performance.timeOrigin + performance.now()
    await inBatches(ids, 1000, batch => addEmails(deps.queue, batch))
    sent += count
    const last = await untilCame(sink, sent)
    const cpu = ((cpuSeconds(pids) - before) / count) * 1e6
    measured.push({ perSecond: (count / (last - began)) * 1000, cpu })
  }
  // The first ones found a worker that had only just begun.
  return measured.slice(1)
}

type Rendered = { perSecond: number; cpu: number }

/** One worker process, and a mail server on the same machine that takes everything. */
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
    title: 'Mails',
    note: 'Rendered: subject, HTML and text of three kinds of mail in turn, each for somebody else. Delivered: a worker process takes jobs from the queue, marks the attempt, reads the user, issues the proof, renders, hands over by SMTP and marks the row; the server that takes them runs on the same machine.',
    table: {
      head: ['', 'mails/s', 'spread', 'CPU µs/mail'],
      rows: [line('rendered', rendered), line('delivered', delivered)],
    },
    budgets: [
      budget('mails rendered by one worker', 20_000, rendered),
      budget('mails delivered to a local sink by one worker', 500, delivered),
    ],
  }
}
