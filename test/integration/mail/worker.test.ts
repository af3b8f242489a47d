import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import anyTest from 'ava'
import { v7 as uuid } from 'uuid'
import { deliver } from '../../../src/features/mail-delivery/deliver.ts'
import { sweep } from '../../../src/features/mail-delivery/sweep.ts'
import { addEmailJobs } from '../../../src/platform/mail/queue.ts'
import { compileAll } from '../../../src/platform/mail/render.ts'
import { openTransport } from '../../../src/platform/mail/transport.ts'
import { startWorker } from '../../../src/processes/worker/start-worker.ts'
import { anAccount, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { plainTheme } from '../../theme.ts'
import { slowness, until } from '../../until.ts'

// The email worker: SMTP errors, broken jobs, and the outbox sweeper.

const test = anyTest.serial

const smtpFaultsWorld = await openLocalWorld({ worker: true })
const brokenRowsWorld = await openLocalWorld({ worker: true })
await compileAll(plainTheme)
const sweepersWorld = await openLocalWorld()
const other = await sweepersWorld.instance()
anyTest.after.always(async () => {
  for (const each of [smtpFaultsWorld, brokenRowsWorld, sweepersWorld]) await each[Symbol.asyncDispose]()
})

{
  const world = smtpFaultsWorld
  type Row = { id: string; status: string; attempts: number; last_error: string | null; sent_at: Date | null }
  const rowTo = async (email: string): Promise<Row | undefined> =>
    (await world.sql<Row>('SELECT * FROM emails WHERE recipient = $1', [email]))[0]
  const rowOnce = (email: string, is: (row: Row) => boolean) =>
    until(`a row to ${email}`, async () => {
      const row = await rowTo(email)
      return row && is(row) && row
    })

  /** Mail servers repeat the address of the recipient in their error. */
  const refusal = (responseCode: number, email: string) =>
    Object.assign(new Error(`<${email}>: Recipient ${email} of secret-host.example said no`), {
      responseCode,
    })
  const isNotLogged = (email: string): boolean =>
    !world.logs.some(line => line.includes(email) || line.includes('secret-host'))

  anyTest.afterEach.always(() => world.mails.answer(null))

  test('temporary SMTP error (451) → the email is retried and sent, the text of the server is not stored', async t => {
    await world.mails.answer(refusal(451, 'x@example.com'))
    const began = performance.now()
    const { email, access } = await anAccount(world.client)
    t.true(performance.now() - began < 5000 * slowness)
    const refused = await rowOnce(email, row => row.last_error !== null)
    t.like(refused, { status: 'queued', attempts: 1, last_error: 'SMTP 451', sent_at: null })
    t.is((await world.client.get('me', { token: access })).status, 200)

    await world.mails.answer(null)
    const { mail } = await world.mails.to(email)
    t.is(mail.messageId, `<${refused.id}@localhost>`)
    t.like(await rowOnce(email, row => row.status === 'sent'), { attempts: 2, last_error: null })
    t.true(isNotLogged(email))
  })

  test('permanent SMTP error (550) → the email fails at once and is not retried', async t => {
    await world.mails.answer(refusal(550, 'x@example.com'))
    const { email } = await anAccount(world.client)
    const failed = await rowOnce(email, row => row.status !== 'queued')
    t.like(failed, { status: 'failed', attempts: 1, last_error: 'SMTP 550', sent_at: null })
    t.true(isNotLogged(email))
    await until('the job to end', async () => !(await world.deps.queue.open().getJob(failed.id)))

    await world.mails.answer(null)
    using transport = openTransport(world.mails.url)
    t.is(await deliver({ ...world.deps, transport }, failed.id), 'settled')
    t.is((await rowTo(email))?.attempts, 1)
  })

  const aRow = async (attempts = 0) => {
    const { email, userId } = await anAccount(world.client)
    await world.mails.to(email)
    const id = uuid()
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, user_id, locale, attempts, sweep_after)
     VALUES ($1, 'welcome', $2, $3, 'en', $4, now() + interval '1 hour')`,
      [id, email, userId, attempts],
    )
    const row = async () => (await world.sql<Row>('SELECT * FROM emails WHERE id = $1', [id]))[0]
    return { id, email, row }
  }

  test('last attempt fails → the email is stored as failed with the error code', async t => {
    const { id, row } = await aRow()
    await world.mails.answer(refusal(421, 'x@example.com'))
    await world.deps.queue.open().add('deliver', {}, { jobId: id, attempts: 1 })
    await until('the row to fail', async () => (await row())?.status === 'failed')
    t.like(await row(), { attempts: 1, last_error: 'SMTP 421' })
  })

  test('mail server down, closing early or speaking another protocol → the email stays queued', async t => {
    const { id, email, row } = await aRow()
    const tryAt = async (url: string) => {
      using transport = openTransport(url)
      return await deliver({ ...world.deps, transport }, id)
    }
    const openServer = async (greet: string | null) => {
      const server = createServer(socket => {
        socket.on('error', () => {})
        if (greet === null) socket.destroy()
        else socket.end(greet)
      })
      server.listen(0, '127.0.0.1').unref()
      await once(server, 'listening')
      return { server, url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}` }
    }
    const servers = {
      'hangs up': null,
      'refuses every client (RFC 5321, 3.1)': `554 ${email} go away\r\n`,
      'is another service': 'HTTP/1.1 400 Bad Request\r\n\r\n',
      'is down': null,
    }
    let attempts = 0
    for (const [what, greeting] of Object.entries(servers)) {
      const { server, url } = await openServer(greeting)
      if (what === 'is down') server.close()
      const fault = await t.throwsAsync(tryAt(url), undefined, what)
      t.false(fault?.message.includes(email))
      server.close()
      const { status, attempts: counted, last_error } = (await row()) as Row
      t.is(status, 'queued', `a server that ${what}`)
      t.is(counted, ++attempts)
      t.regex(last_error ?? '', /^[A-Z]+( \d{3})?$/, 'a code and no words')
    }
    t.is(await tryAt(world.mails.url), 'sent')
    t.like(await row(), { attempts: attempts + 1, last_error: null })
    t.is((await world.mails.to(email, 2)).mail.messageId, `<${id}@localhost>`)
    t.true(isNotLogged(email))
  })

  test('email with thirty unfinished attempts → failed with "too many attempts"', async t => {
    const { id, row } = await aRow(30)
    using transport = openTransport(world.mails.url)
    t.is(await deliver({ ...world.deps, transport }, id), 'failed')
    t.like(await row(), { status: 'failed', last_error: 'too many attempts' })
  })

  test('mail server refuses every email → API routes still work', async t => {
    await world.mails.answer(refusal(451, 'x@example.com'))
    const { email, refresh } = await anAccount(world.client)
    t.is((await world.client.post('login', { email, password })).status, 200)
    t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 200)
    t.is((await world.client.post('resend-verification', { email })).status, 202)
    t.is((await world.client.get('/readyz')).status, 200)
  })
}

{
  const world = brokenRowsWorld
  const brokenRows: [string, string, string][] = [
    ['of an unknown kind', 'newsletter', '{}'],
    ['of a kind that is a property of every object', 'constructor', '{}'],
    ['that cannot be rendered', 'session_reuse', '{"time": 5, "ip": {}, "device": []}'],
  ]

  test('outbox rows that cannot be rendered → other emails are sent and each error is logged', async t => {
    const { email, userId } = await anAccount(world.client)
    await world.mails.to(email)
    const ids = brokenRows.map(() => uuid())
    for (const [i, [, kind, data]] of brokenRows.entries())
      await world.sql(
        `INSERT INTO emails (id, kind, recipient, user_id, locale, data) VALUES ($1, $2, $3, $4, 'en', $5)`,
        [ids[i], kind, email, userId, data],
      )
    // Adds many broken jobs in front of the honest ones: as many as one worker runs at once.
    await addEmailJobs(world.deps.queue, ids)
    await world.deps.queue
      .open()
      .addBulk(Array.from({ length: 40 }, () => ({ name: 'deliver', data: {}, opts: { jobId: uuid() } })))
    const honest = await Promise.all([anAccount(world.client), anAccount(world.client)])
    for (const account of honest) await world.mails.to(account.email)

    for (const [i, [what]] of brokenRows.entries()) {
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

  test('rendering fails at the last attempt → the email is stored as failed', async t => {
    const { email, userId } = await anAccount(world.client)
    await world.mails.to(email)
    const id = uuid()
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, user_id, locale) VALUES ($1, 'newsletter', $2, $3, 'en')`,
      [id, email, userId],
    )
    await world.deps.queue.open().add('deliver', {}, { jobId: id, attempts: 1 })
    const row = await until('the row to fail', async () => {
      const [found] = await world.sql<{ status: string; last_error: string }>(
        'SELECT * FROM emails WHERE id = $1',
        [id],
      )
      return found?.status === 'failed' && found
    })
    t.is(row.last_error, 'TypeError')
  })

  for (const jobId of ['no-uuid', 'x'.repeat(2000), uuid()])
    test(`job without an outbox row → skipped, later jobs still run: ${jobId.slice(0, 9)}`, async t => {
      await world.deps.queue.open().add('deliver', {}, { jobId, attempts: 1 })
      await until('the job to be gone', async () => !(await world.deps.queue.open().getJob(jobId)))
      const { email } = await anAccount(world.client)
      t.truthy(await world.mails.to(email))
    })
}

{
  const world = sweepersWorld
  const queueRows = async (count: number, sweepAfter: string) => {
    const { email, userId } = await anAccount(world.client)
    await world.deps.queue.open().obliterate({ force: true })
    await world.sql('DELETE FROM emails')
    const ids = Array.from({ length: count }, () => uuid())
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
     SELECT id, 'welcome', $2, $3, 'en', now() + $4::interval FROM unnest($1::uuid[]) id`,
      [ids, email, userId, sweepAfter],
    )
    return ids
  }

  test('four concurrent sweeps → each row is queued once', async t => {
    await queueRows(1200, '-1 second')
    const found = await Promise.all([world, other, world, other].map(({ deps }) => sweep(deps)))
    t.is(
      found.reduce((sum, each) => sum + each),
      1200,
    )
    t.is(await world.deps.queue.open().getJobCountByTypes('waiting'), 1200)
    t.is(await sweep(world.deps), 0, 'swept rows are not swept again for a while')

    await world.sql('UPDATE emails SET sweep_after = now()')
    t.is(await sweep(world.deps), 1200)
    t.is(
      await world.deps.queue.open().getJobCountByTypes('waiting'),
      1200,
      'waiting jobs are not added twice',
    )
  })

  test('new outbox row → not swept while its own job can still run', async t => {
    await queueRows(3, '15 seconds')
    t.is(await sweep(world.deps), 0)
  })

  test('rows that were sent, failed or dropped → not swept', async t => {
    await queueRows(3, '-1 second')
    await world.sql(
      `UPDATE emails SET status = (ARRAY['sent', 'failed', 'dropped'])[1 + (random() * 2)::int]`,
    )
    t.is(await sweep(world.deps), 0)
  })

  test('two workers and repeated sweeps over 200 rows → each email is sent once', async t => {
    const ids = await queueRows(200, '-1 second')
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
}
