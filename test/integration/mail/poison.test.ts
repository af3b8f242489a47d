import test from 'ava'
import { v7 as uuid } from 'uuid'
import { addMails } from '../../../src/storage/queue.ts'
import { openLocalWorld } from '../../local-world.ts'
import { anAccount } from '../../make.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const poisons: [string, string, string][] = [
  ['of a kind that is not there', 'newsletter', '{}'],
  ['of a kind that every object has', 'constructor', '{}'],
  ['that cannot be rendered', 'session_reuse', '{"time": 5, "ip": {}, "device": []}'],
]

test('a row that cannot be made into a mail does not stop the others, and says that it is there', async t => {
  const { email, userId } = await anAccount(world.client)
  await world.mails.to(email)
  const ids = poisons.map(() => uuid())
  for (const [i, [, kind, data]] of poisons.entries())
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, user_id, locale, data) VALUES ($1, $2, $3, $4, 'en', $5)`,
      [ids[i], kind, email, userId, data],
    )
  // Many times over, in front of the honest ones: as many as one worker does at once.
  await addMails(world.deps.queue, ids)
  await world.deps.queue.addBulk(
    Array.from({ length: 40 }, () => ({ name: 'deliver', data: {}, opts: { jobId: uuid() } })),
  )
  const honest = await Promise.all([anAccount(world.client), anAccount(world.client)])
  for (const account of honest) await world.mails.to(account.email)

  for (const [i, [what]] of poisons.entries()) {
    const row = await until(`the row ${what} to be tried`, async () => {
      const [found] = await world.sql<{ status: string; attempts: number; last_error: string | null }>(
        'SELECT * FROM emails WHERE id = $1',
        [ids[i]],
      )
      return found?.last_error ? found : null
    })
    t.is(row.status, 'queued', what)
    t.regex(row.last_error ?? '', /^\w+$/, what)
    t.true(
      world.logs.some(line => line.includes(ids[i] ?? '') && line.includes('"warn"')),
      `the row ${what} is in the log`,
    )
  }
  t.is(world.mails.caught.filter(({ to }) => to.includes(email)).length, 1)
  t.false(world.logs.some(line => line.includes(email)))
})

test('a row that fails for the last time is given up, and listed', async t => {
  const { email, userId } = await anAccount(world.client)
  await world.mails.to(email)
  const id = uuid()
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, user_id, locale) VALUES ($1, 'newsletter', $2, $3, 'en')`,
    [id, email, userId],
  )
  await world.deps.queue.add('deliver', {}, { jobId: id, attempts: 1 })
  const row = await until('the row to be given up', async () => {
    const [found] = await world.sql<{ status: string; last_error: string }>(
      'SELECT * FROM emails WHERE id = $1',
      [id],
    )
    return found?.status === 'failed' && found
  })
  t.is(row.last_error, 'TypeError')
})

for (const jobId of ['no-uuid', 'x'.repeat(2000), uuid()])
  test(`a job for no row passes: ${jobId.slice(0, 9)}`, async t => {
    await world.deps.queue.add('deliver', {}, { jobId, attempts: 1 })
    await until('the job to be gone', async () => !(await world.deps.queue.getJob(jobId)))
    const { email } = await anAccount(world.client)
    t.truthy(await world.mails.to(email))
  })
