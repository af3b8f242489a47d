import anyTest from 'ava'
import { oldRows } from '../../../src/platform/postgres/purge.ts'
import { anAccount, tokenOf } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld, type World } from '../../world.ts'

// Old emails and audit events are deleted at their age. Rows that a session, a link or an undo still needs are kept.

const test = anyTest.serial

const world = await openWorld({ env: { ACCOUNT_ERASURE_DELAY: '300d' } })
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { sql } = world
const day = 86_400_000

type Email = { id: string; kind: string; status: string }

const insertEmail = async (kind: string, status: string, days: number, userId: string | null = null) => {
  const [row] = await sql<Email>(
    `INSERT INTO emails (id, kind, recipient, user_id, locale, status, created_at, sweep_after)
     VALUES (gen_random_uuid(), $1, 'old@example.com', $2, 'en', $3, now() - $4 * interval '1 day', 'infinity')
     RETURNING id`,
    [kind, userId, status, days],
  )
  return row?.id ?? ''
}

const insertEvent = async (type: string, days: number) => {
  const [row] = await sql<{ id: string }>(
    `INSERT INTO audit_events (id, type, session_id, created_at)
     VALUES (gen_random_uuid(), $1, gen_random_uuid(), now() - $2 * interval '1 day') RETURNING id`,
    [type, days],
  )
  return row?.id ?? ''
}

const existing = async (table: 'emails' | 'audit_events', ids: string[]) => {
  const rows = await sql<{ id: string }>(`SELECT id FROM ${table} WHERE id = ANY($1)`, [ids])
  return ids.map(id => rows.some(row => row.id === id))
}

anyTest.beforeEach(() => sql('TRUNCATE emails, audit_events'))

test('emails sent or failed 90 days ago → deleted; queued emails → kept at any age', async t => {
  const old = [await insertEmail('welcome', 'sent', 91), await insertEmail('new_device', 'failed', 91)]
  const kept = [await insertEmail('welcome', 'sent', 89), await insertEmail('welcome', 'queued', 900)]
  t.is(await world.run('purgeEmails'), 2)
  t.deepEqual(await existing('emails', [...old, ...kept]), [false, false, true, true])
})

test('audit events older than 400 days → deleted', async t => {
  const ids = [await insertEvent('login.succeeded', 401), await insertEvent('login.succeeded', 399)]
  t.is(await world.run('purgeEvents'), 1)
  t.deepEqual(await existing('audit_events', ids), [false, true])
})

test('EMAIL_RETENTION and AUDIT_RETENTION → set the age; off → nothing is deleted', async t => {
  const email = await insertEmail('welcome', 'sent', 3000)
  const event = await insertEvent('login.failed', 3000)
  const off = { EMAIL_RETENTION: 'off', AUDIT_RETENTION: 'off' } as const
  t.is(await world.run('purgeEmails', off), 0)
  t.is(await world.run('purgeEvents', off), 0)
  const long = { EMAIL_RETENTION: 3650 * day, AUDIT_RETENTION: 3650 * day }
  t.is(await world.run('purgeEmails', long), 0)
  t.is(await world.run('purgeEvents', long), 0)
  const short = { EMAIL_RETENTION: day, AUDIT_RETENTION: 60 * day }
  t.is(await world.run('purgeEmails', short), 1)
  t.is(await world.run('purgeEvents', short), 1)
  t.deepEqual(await existing('emails', [email]), [false])
  t.deepEqual(await existing('audit_events', [event]), [false])
})

test('account deletion that can still be undone → its email is kept, and its link works', async t => {
  await using mailed = await openMailed()
  const { email, access, password } = await anAccount(mailed.client)
  await mailed.mails.to(email)
  t.is((await mailed.client.send('DELETE', 'me', { token: access, body: { password } })).status, 204)
  const { link } = await mailed.mails.to(email, 2)
  await until('the email to be sent', async () => {
    const rows = await mailed.sql(`SELECT 1 FROM emails WHERE kind = 'account_deleted' AND status = 'sent'`)
    return rows.length === 1
  })
  await mailed.sql(`UPDATE emails SET created_at = created_at - interval '200 days'`)
  t.true((await mailed.run('purgeEmails', { EMAIL_RETENTION: day })) >= 1)
  t.is((await mailed.client.post('undo-deletion', { token: tokenOf(link) })).status, 204)
})

const openMailed = (): Promise<World> => openWorld({ worker: true, env: { ACCOUNT_ERASURE_DELAY: '300d' } })

test('AUDIT_RETENTION shorter than SESSION_MAX_AGE → session end events are kept as long as sessions', async t => {
  const ids = [
    await insertEvent('session.ended', 20),
    await insertEvent('session.reused', 29),
    await insertEvent('session.ended', 31),
  ]
  await world.run('purgeEvents', { AUDIT_RETENTION: day, SESSION_MAX_AGE: 30 * day })
  t.deepEqual(await existing('audit_events', ids), [true, true, false])
})

test('EMAIL_RETENTION shorter than SESSION_MAX_AGE → emails that confirmed an address are kept', async t => {
  const ids = [
    await insertEmail('verify_email', 'sent', 20),
    await insertEmail('email_change', 'sent', 29),
    await insertEmail('verify_email', 'sent', 31),
    await insertEmail('welcome', 'sent', 20),
  ]
  await world.run('purgeEmails', { EMAIL_RETENTION: day, SESSION_MAX_AGE: 30 * day })
  t.deepEqual(await existing('emails', ids), [true, true, false, false])
})

test('AUDIT_RETENTION of one day → registration events are kept for the 7 days of an undo', async t => {
  const ids = [await insertEvent('user.registered', 6), await insertEvent('user.registered', 8)]
  await world.run('purgeEvents', { AUDIT_RETENTION: day, SESSION_MAX_AGE: day })
  t.deepEqual(await existing('audit_events', ids), [true, false])
})

test('two workers purge more than one batch simultaneously → every old row is deleted once', async t => {
  const fill = (table: string, columns: string, values: string) =>
    sql(`INSERT INTO ${table} (id, ${columns}, created_at)
         SELECT gen_random_uuid(), ${values}, now() - interval '3 years' FROM generate_series(1, 3500)`)
  await fill('audit_events', 'type', `'login.failed'`)
  await fill('emails', 'kind, recipient, locale, status', `'welcome', 'old@example.com', 'en', 'sent'`)
  const kept = await insertEmail('welcome', 'sent', 1)
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

test('purge queries use an index, also with many young rows', async t => {
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
  t.regex(await planOf(oldRows.settled_emails, [before, 'welcome']), /"Index Name":"emails_kept_idx"/)
  await sql(`INSERT INTO users (id, email) SELECT gen_random_uuid(), 'user-' || n || '@example.com'
               FROM generate_series(1, 2000) n`)
  await sql('ALTER TABLE factors DISABLE TRIGGER factors_listed')
  await sql(`INSERT INTO factors (id, user_id, type, name, confirmed_at, removed_at)
             SELECT gen_random_uuid(), id, 'passkey', 'Laptop', now(), CASE WHEN n % 2 = 0 THEN now() END
               FROM users, generate_series(1, 5) n`)
  await sql('ALTER TABLE factors ENABLE TRIGGER factors_listed')
  await sql('ANALYZE users, factors')
  t.regex(await planOf(oldRows.removed_factors, [before]), /"Index Name":"factors_removed_idx"/)
  t.regex(await planOf(oldRows.pending_factors, [before]), /"Index Name":"factors_pending_idx"/)
})

test('running worker → deletes old rows automatically', async t => {
  const email = await insertEmail('welcome', 'sent', 91)
  const event = await insertEvent('login.failed', 500)
  await world.startWorker()
  await until('both to be deleted', async () => {
    const found = [...(await existing('emails', [email])), ...(await existing('audit_events', [event]))]
    return !found.includes(true)
  })
  await world.stopWorker()
  t.pass()
})
