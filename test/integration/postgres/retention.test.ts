import anyTest from 'ava'
import { oldRows } from '../../../src/platform/postgres/purge.ts'
import { anAccount, tokenOf } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld, type World } from '../../world.ts'

// What is deleted at its age, and what is still needed and stays.

const test = anyTest.serial

const world = await openWorld({ env: { ACCOUNT_ERASURE_DELAY: '300d' } })
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { sql } = world
const day = 86_400_000

type Email = { id: string; kind: string; status: string }

const anEmail = async (kind: string, status: string, days: number, userId: string | null = null) => {
  const [row] = await sql<Email>(
    `INSERT INTO emails (id, kind, recipient, user_id, locale, status, created_at, sweep_after)
     VALUES (gen_random_uuid(), $1, 'old@example.com', $2, 'en', $3, now() - $4 * interval '1 day', 'infinity')
     RETURNING id`,
    [kind, userId, status, days],
  )
  return row?.id ?? ''
}

const anEvent = async (type: string, days: number) => {
  const [row] = await sql<{ id: string }>(
    `INSERT INTO audit_events (id, type, session_id, created_at)
     VALUES (gen_random_uuid(), $1, gen_random_uuid(), now() - $2 * interval '1 day') RETURNING id`,
    [type, days],
  )
  return row?.id ?? ''
}

const left = async (table: 'emails' | 'audit_events', ids: string[]) => {
  const rows = await sql<{ id: string }>(`SELECT id FROM ${table} WHERE id = ANY($1)`, [ids])
  return ids.map(id => rows.some(row => row.id === id))
}

anyTest.beforeEach(() => sql('TRUNCATE emails, audit_events'))

test('emails that were sent or given up 90 days ago → deleted; those to be sent → kept at any age', async t => {
  const old = [await anEmail('welcome', 'sent', 91), await anEmail('new_device', 'failed', 91)]
  const kept = [await anEmail('welcome', 'sent', 89), await anEmail('welcome', 'queued', 900)]
  t.is(await world.run('purgeEmails'), 2)
  t.deepEqual(await left('emails', [...old, ...kept]), [false, false, true, true])
})

test('audit events of 400 days ago → deleted', async t => {
  const ids = [await anEvent('login.succeeded', 401), await anEvent('login.succeeded', 399)]
  t.is(await world.run('purgeEvents'), 1)
  t.deepEqual(await left('audit_events', ids), [false, true])
})

test('other settings → other ages; off → nothing is deleted', async t => {
  const email = await anEmail('welcome', 'sent', 3000)
  const event = await anEvent('login.failed', 3000)
  const off = { EMAIL_RETENTION: 'off', AUDIT_RETENTION: 'off' } as const
  t.is(await world.run('purgeEmails', off), 0)
  t.is(await world.run('purgeEvents', off), 0)
  const long = { EMAIL_RETENTION: 3650 * day, AUDIT_RETENTION: 3650 * day }
  t.is(await world.run('purgeEmails', long), 0)
  t.is(await world.run('purgeEvents', long), 0)
  const short = { EMAIL_RETENTION: day, AUDIT_RETENTION: 60 * day }
  t.is(await world.run('purgeEmails', short), 1)
  t.is(await world.run('purgeEvents', short), 1)
  t.deepEqual(await left('emails', [email]), [false])
  t.deepEqual(await left('audit_events', [event]), [false])
})

test('a deletion of 200 days ago that can be undone → its email stays, and its link works', async t => {
  await using mailed = await openMailed()
  const { email, access, password } = await anAccount(mailed.client)
  await mailed.mails.to(email)
  t.is((await mailed.client.send('DELETE', 'me', { token: access, body: { password } })).status, 204)
  const { link } = await mailed.mails.to(email, 2)
  await until('the email to be settled', async () => {
    const rows = await mailed.sql(`SELECT 1 FROM emails WHERE kind = 'account_deleted' AND status = 'sent'`)
    return rows.length === 1
  })
  await mailed.sql(`UPDATE emails SET created_at = created_at - interval '200 days'`)
  t.true((await mailed.run('purgeEmails', { EMAIL_RETENTION: day })) >= 1)
  t.is((await mailed.client.post('undo-deletion', { token: tokenOf(link) })).status, 204)
})

const openMailed = (): Promise<World> => openWorld({ worker: true, env: { ACCOUNT_ERASURE_DELAY: '300d' } })

test('the setting is shorter than sessions live → the ends of sessions stay for as long', async t => {
  const ids = [
    await anEvent('session.ended', 20),
    await anEvent('session.reused', 29),
    await anEvent('session.ended', 31),
  ]
  await world.run('purgeEvents', { AUDIT_RETENTION: day, SESSION_MAX_AGE: 30 * day })
  t.deepEqual(await left('audit_events', ids), [true, true, false])
})

test('the setting is shorter than sessions live → the emails that confirmed an address stay for as long', async t => {
  const ids = [
    await anEmail('verify_email', 'sent', 20),
    await anEmail('email_change', 'sent', 29),
    await anEmail('verify_email', 'sent', 31),
    await anEmail('welcome', 'sent', 20),
  ]
  await world.run('purgeEmails', { EMAIL_RETENTION: day, SESSION_MAX_AGE: 30 * day })
  t.deepEqual(await left('emails', ids), [true, true, false, false])
})

test('the setting is a day → how an account began is known for the week in which a move is undone', async t => {
  const ids = [await anEvent('user.registered', 6), await anEvent('user.registered', 8)]
  await world.run('purgeEvents', { AUDIT_RETENTION: day, SESSION_MAX_AGE: day })
  t.deepEqual(await left('audit_events', ids), [true, false])
})

test('two workers at once and more than a slice → all old rows are deleted, each once', async t => {
  const fill = (table: string, columns: string, values: string) =>
    sql(`INSERT INTO ${table} (id, ${columns}, created_at)
         SELECT gen_random_uuid(), ${values}, now() - interval '3 years' FROM generate_series(1, 3500)`)
  await fill('audit_events', 'type', `'login.failed'`)
  await fill('emails', 'kind, recipient, locale, status', `'welcome', 'old@example.com', 'en', 'sent'`)
  const kept = await anEmail('welcome', 'sent', 1)
  const counts = await Promise.all(
    [world, other].flatMap(each => [each.run('purgeEvents'), each.run('purgeEmails')]),
  )
  t.is(
    counts.reduce((sum, count) => sum + count, 0),
    7000,
  )
  t.deepEqual(await sql('SELECT id FROM emails'), [{ id: kept }])
  t.deepEqual(await sql('SELECT id FROM audit_events'), [])
})

test('old rows are found by an index, however many young ones there are', async t => {
  await sql(`INSERT INTO audit_events (id, type, created_at)
             SELECT gen_random_uuid(), 'login.succeeded', now() - n * interval '1 minute' FROM generate_series(1, 20000) n`)
  await sql(`INSERT INTO emails (id, kind, recipient, locale, status, created_at)
             SELECT gen_random_uuid(), 'welcome', 'a@example.com', 'en', 'sent', now() - n * interval '1 minute'
               FROM generate_series(1, 20000) n`)
  await sql('ANALYZE audit_events, emails')
  const planOf = async (text: string, values: unknown[]) =>
    JSON.stringify(await sql(`EXPLAIN (FORMAT JSON) ${text} LIMIT 1000`, values))
  const before = new Date(Date.now() - 90 * day)
  t.regex(await planOf(oldRows.audit_events, [before]), /"Index Name":"audit_events_created_at_idx"/)
  t.regex(
    await planOf(oldRows.settled_emails, [before, ['welcome', 'new_device']]),
    /"Index Name":"emails_settled_idx"/,
  )
})

test('a worker deletes what is old by itself', async t => {
  const email = await anEmail('welcome', 'sent', 91)
  const event = await anEvent('login.failed', 500)
  await world.startWorker()
  await until('both to be deleted', async () => {
    const found = [...(await left('emails', [email])), ...(await left('audit_events', [event]))]
    return !found.includes(true)
  })
  await world.stopWorker()
  t.pass()
})
