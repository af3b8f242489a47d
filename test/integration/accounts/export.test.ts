import { setImmediate as turn } from 'node:timers/promises'
import anyTest from 'ava'
import { anAccount, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'

// The account export: its rate limit, the notice to the owner, and the event loop while it runs.

const test = anyTest.serial

const world = await openLocalWorld({ worker: true, env: { RATE_LIMITS: 'register=100/1h,login=100/1h' } })
anyTest.after.always(() => world[Symbol.asyncDispose]())
const { client, sql, mails } = world

const exportBy = (token: string) => client.get('me/export', { token })
const eventsOf = (userId: string) =>
  sql<{ session_id: string; ip: string }>(
    `SELECT session_id, ip FROM audit_events WHERE user_id = $1 AND type = 'user.exported'`,
    [userId],
  )
const noticesTo = (email: string) =>
  sql(`SELECT 1 FROM emails WHERE recipient = $1 AND kind = 'account_exported'`, [email])

test('an export → an audit event, and an email to the owner in their language', async t => {
  const { email, access, userId, sessionId } = await anAccount(client, { preferred_language: 'es' })
  await mails.to(email)
  t.is((await exportBy(access)).status, 200)
  t.deepEqual(await eventsOf(userId), [{ session_id: sessionId, ip: '127.0.0.1' }])
  const { mail } = await mails.to(email, 2)
  t.is(mail.subject, 'Aviso de seguridad: se han exportado los datos de tu cuenta')
  t.regex(mail.text ?? '', /127\.0\.0\.1/)
})

test('an attacker exports the account and changes its email → the notice still goes to the old address', async t => {
  const { email, access, userId } = await anAccount(client)
  await mails.to(email)
  await mails.answer({ message: 'later', responseCode: 451 })
  t.is((await exportBy(access)).status, 200)
  await sql('UPDATE users SET email = $2 WHERE id = $1', [userId, `moved-${email}`])
  await mails.answer(null)
  const { mail } = await mails.to(email, 2)
  t.is(mail.subject, 'Security notice: the data of your account was exported')
})

test('the sixth export of a user within an hour → 429 in every session; other users are not limited', async t => {
  const { email, access, userId } = await anAccount(client)
  const { body } = await client.post('login', { email, password })
  for (const token of [access, body.access_token, access, body.access_token, access])
    t.is((await exportBy(token)).status, 200)
  const refused = await exportBy(body.access_token)
  t.is(refused.status, 429)
  t.is(refused.body.code, 'RATE_LIMIT_EXCEEDED')
  t.true(Number(refused.headers.get('retry-after')) > 3000)
  t.is((await eventsOf(userId)).length, 5)
  t.is((await noticesTo(email)).length, 5)
  t.is((await exportBy((await anAccount(client)).access)).status, 200)
})

test('HEAD on the export → no event and no email, because no data leaves the server', async t => {
  const { email, access, userId } = await anAccount(client)
  t.is((await client.send('HEAD', 'me/export', { token: access })).status, 200)
  t.deepEqual(await eventsOf(userId), [])
  t.deepEqual(await noticesTo(email), [])
})

/** An account with more events and emails than an export holds. */
const anAccountWithLongHistory = async () => {
  await sql('TRUNCATE emails, audit_events')
  const account = await anAccount(client)
  const { userId, email } = account
  await sql(
    `INSERT INTO audit_events (id, type, user_id, ip, user_agent, created_at)
     SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'login.failed', $1, '192.0.2.1',
            'Mozilla/5.0 (X11; Linux x86_64) ' || n, now() - interval '1 day' + n * interval '1 second'
       FROM generate_series(1, 6000) n`,
    [userId],
  )
  await sql(
    `INSERT INTO emails (id, kind, recipient, user_id, locale, status, sent_at)
     SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'new_device', $2, $1, 'en', 'sent', now()
       FROM generate_series(1, 6000) n`,
    [userId, email],
  )
  return account
}

test('6000 events and emails → the export holds the latest 5000 of each, oldest first, in a complete reply', async t => {
  const { access, email } = await anAccountWithLongHistory()
  const { status, body, text, headers } = await exportBy(access)
  t.is(status, 200)
  t.is(headers.get('content-type'), 'application/json; charset=utf-8')
  t.is(headers.get('content-length'), String(Buffer.byteLength(text)))
  t.is(headers.get('cache-control'), 'no-store')
  t.is(body.audit_events.length, 5000)
  t.is(body.emails.length, 5000)
  const times = body.audit_events.map((event: { created_at: string }) => event.created_at)
  t.deepEqual(times, times.toSorted())
  t.deepEqual(Object.keys(body.audit_events[0]), ['type', 'ip', 'user_agent', 'data', 'created_at'])
  t.is(body.audit_events.at(-1).type, 'user.registered')
  t.is(body.user.email, email)
})

test('export of thousands of rows → it never blocks the event loop for 50 ms', async t => {
  const { access } = await anAccountWithLongHistory()
  // The most CPU time of this thread between two turns of the event loop, in ms.
  const longest = async (work: Promise<unknown>): Promise<number> => {
    let most = 0
    let isDone = false
    const watching = (async () => {
      while (!isDone) {
        const before = process.threadCpuUsage()
        await turn()
        const { user, system } = process.threadCpuUsage(before)
        most = Math.max(most, (user + system) / 1000)
      }
    })()
    await work.finally(() => {
      isDone = true
    })
    await watching
    return most
  }
  await exportBy(access)
  const found: number[] = []
  for (let i = 0; i < 3; i++)
    found.push(
      await longest(
        fetch(`${world.url}/api/v1/auth/me/export`, { headers: { authorization: `Bearer ${access}` } }),
      ),
    )
  const least = Math.min(...found)
  t.log(`the longest turn took ${found.map(Math.round).join(', ')} ms`)
  t.true(least < 50, `a turn took ${least} ms`)
  await until(
    'no email is queued',
    async () => (await sql(`SELECT 1 FROM emails WHERE status = 'queued'`)).length === 0,
  )
})
