import test from 'ava'
import { v7 as uuid } from 'uuid'
import { compileAll } from '../../../src/mail/render.ts'
import { sweep } from '../../../src/mail/sweep.ts'
import { startWorker } from '../../../src/worker.ts'
import { openLocalWorld } from '../../local-world.ts'
import { anAccount } from '../../make.ts'
import { until } from '../../until.ts'

await compileAll()
const world = await openLocalWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const owe = async (count: number, sweepAfter: string) => {
  const { email, userId } = await anAccount(world.client)
  await world.deps.queue.obliterate({ force: true })
  await world.sql('DELETE FROM emails')
  const ids = Array.from({ length: count }, () => uuid())
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
     SELECT id, 'welcome', $2, $3, 'en', now() + $4::interval FROM unnest($1::uuid[]) id`,
    [ids, email, userId, sweepAfter],
  )
  return ids
}

test.serial('four sweeps at once take each row once', async t => {
  await owe(1200, '-1 second')
  const found = await Promise.all([world, other, world, other].map(({ deps }) => sweep(deps)))
  t.is(
    found.reduce((sum, each) => sum + each),
    1200,
  )
  t.is(await world.deps.queue.getJobCountByTypes('waiting'), 1200)
  t.is(await sweep(world.deps), 0, 'they are left alone for a while')

  await world.sql('UPDATE emails SET sweep_after = now()')
  t.is(await sweep(world.deps), 1200)
  t.is(await world.deps.queue.getJobCountByTypes('waiting'), 1200, 'what waits already is not added twice')
})

test.serial('a fresh row is left to its own job', async t => {
  await owe(3, '15 seconds')
  t.is(await sweep(world.deps), 0)
})

test.serial('settled rows are not swept', async t => {
  await owe(3, '-1 second')
  await world.sql(`UPDATE emails SET status = (ARRAY['sent', 'failed', 'dropped'])[1 + (random() * 2)::int]`)
  t.is(await sweep(world.deps), 0)
})

test.serial('two workers that sweep two hundred rows at once send each mail once', async t => {
  const ids = await owe(200, '-1 second')
  const workers = [startWorker(world.deps), startWorker(other.deps)]
  await until('every row to be sent', async () => {
    await world.sql(`UPDATE emails SET sweep_after = now() WHERE status = 'queued'`)
    await sweep(world.deps)
    const left = await world.sql(`SELECT 1 FROM emails WHERE status <> 'sent'`)
    return left.length === 0
  })
  for (const worker of workers) await worker.close()
  const sent = world.mails.caught.map(({ mail }) => mail.messageId).sort()
  t.deepEqual(sent, ids.map(id => `<${id}@localhost>`).sort())
  const again = await world.sql('SELECT 1 FROM emails WHERE attempts <> 1')
  t.is(again.length, 0)
})
