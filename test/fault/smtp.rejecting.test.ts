import test from 'ava'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { brokenInvariants } from '../chaos/invariants.ts'
import { startLoad } from '../chaos/load.ts'
import { adminActions, anAdmin } from '../integration/admin/admin-account.ts'
import { openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'

const world = await openLocalWorld({ timeouts, worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

type Row = { id: string; status: string; attempts: number; last_error: string; recipient: string }
const rowsThat = (where: string) => world.sql<Row>(`SELECT * FROM emails WHERE ${where}`)

/** With an address and a link, because mail servers quote the email that they refuse. */
const refusal = (responseCode: number) =>
  Object.assign(new Error('<ann@example.com>: http://latchkey.test/?token=quoted is not wanted here'), {
    responseCode,
  })

test('the mail server refuses emails under load → requests succeed, and each email arrives in the end', async t => {
  const admin = await anAdmin(world)
  await world.mails.to(admin.email)
  const { retry } = adminActions(world.client, admin.access)
  await using load = await startLoad(world, { urls: [world.url] })
  for (const responseCode of [451, 421]) {
    await world.mails.answer(refusal(responseCode))
    await load.served(60)
    const found = await until(`an email refused with ${responseCode}`, async () => {
      const [row] = await rowsThat(`last_error = 'SMTP ${responseCode}'`)
      return row
    })
    t.is(found.status, 'queued', `${responseCode} is temporary`)
  }
  await world.mails.answer(refusal(550))
  await load.served(60)
  const refused = await until('three emails refused permanently', async () => {
    const rows = await rowsThat(`status = 'failed'`)
    return rows.length >= 3 && rows
  })
  t.deepEqual([...new Set(refused.map(({ last_error }) => last_error))], ['SMTP 550'])
  t.true(
    refused.some(({ attempts }) => attempts === 1),
    'an email refused permanently is not tried again',
  )
  const job = await world.deps.queue.open().getJob(refused[0]?.id ?? '')
  t.falsy(job && !(await job.isActive()), 'no job tries it again')

  await load.stop()
  // Wait for deliveries that are still under way: they may have got the refusal.
  await world.mails.answer(null)
  await until(
    'no delivery to be under way',
    async () => (await world.deps.queue.open().getActiveCount()) === 0,
  )
  const failed = await rowsThat(`status = 'failed'`)
  for (const { id } of failed) t.is((await retry(id)).status, 202)
  t.deepEqual(await brokenInvariants(load), [])

  const texts = [...world.logs, ...(await rowsThat('last_error IS NOT NULL')).map(row => row.last_error)]
  const leaked = failed.flatMap(({ recipient }) => texts.filter(line => line.includes(recipient)))
  t.deepEqual(leaked, [], 'no email address is logged')
  t.deepEqual(
    texts.filter(line => /token=|ann@example|not wanted/.test(line)),
    [],
    'the reply of the mail server is not logged',
  )
})
