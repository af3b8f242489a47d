import test from 'ava'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { adminActions, anAdmin } from '../integration/admin/admin-account.ts'
import { openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'
import { brokenInvariants } from './invariants.ts'
import { startCrowd } from './traffic.ts'

const world = await openLocalWorld({ timeouts, worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

type Row = { id: string; status: string; attempts: number; last_error: string; recipient: string }
const rowsThat = (where: string) => world.sql<Row>(`SELECT * FROM emails WHERE ${where}`)

/** With an address and a link, as mail servers quote what they were given. */
const refusal = (responseCode: number) =>
  Object.assign(new Error('<ann@example.com>: http://latchkey.test/?token=quoted is not wanted here'), {
    responseCode,
  })

test('a crowd does not feel how its mails are refused, and gets each of them in the end', async t => {
  const admin = await anAdmin(world)
  await world.mails.to(admin.email)
  const { retry } = adminActions(world.client, admin.access)
  await using crowd = await startCrowd(world, { urls: [world.url] })
  for (const responseCode of [451, 421]) {
    await world.mails.answer(refusal(responseCode))
    await crowd.served(60)
    const found = await until(`a mail that met ${responseCode}`, async () => {
      const [row] = await rowsThat(`last_error = 'SMTP ${responseCode}'`)
      return row
    })
    t.is(found.status, 'queued', `${responseCode} is for the moment`)
  }
  await world.mails.answer(refusal(550))
  await crowd.served(60)
  const refused = await until('mails that were refused for good', async () => {
    const rows = await rowsThat(`status = 'failed'`)
    return rows.length >= 3 && rows
  })
  t.deepEqual([...new Set(refused.map(({ last_error }) => last_error))], ['SMTP 550'])
  t.true(
    refused.some(({ attempts }) => attempts === 1),
    'the first refusal for good is the last',
  )
  const job = await world.deps.queue.getJob(refused[0]?.id ?? '')
  t.falsy(job && !(await job.isActive()), 'nothing tries it again')

  await crowd.stop()
  // What was put off before may still meet the refusal: it stays until each mail has had its answer or waits.
  await world.mails.answer(null)
  await until('no mail to be underway', async () => (await world.deps.queue.getActiveCount()) === 0)
  const failed = await rowsThat(`status = 'failed'`)
  for (const { id } of failed) t.is((await retry(id)).status, 202)
  t.deepEqual(await brokenInvariants(crowd), [])

  const words = [...world.logs, ...(await rowsThat('last_error IS NOT NULL')).map(row => row.last_error)]
  const told = failed.flatMap(({ recipient }) => words.filter(line => line.includes(recipient)))
  t.deepEqual(told, [], 'no address')
  t.deepEqual(
    words.filter(line => /token=|ann@example|not wanted/.test(line)),
    [],
    'no words of the server',
  )
})
