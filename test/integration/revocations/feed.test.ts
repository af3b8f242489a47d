import { randomUUID } from 'node:crypto'
import anyTest from 'ava'
import { anAccount, password } from '../../fixtures.ts'
import { slowness } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { type Feed, readFeed, requestFeed, verifiedFeed } from './feed-reader.ts'

// The feed of what ended: positions, waiting, and what is left after Redis has lost it.

const test = anyTest.serial

const world = await openWorld()
const { client, keys, redis, sql } = world
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

/** An account whose session has ended. */
const anEnded = async () => {
  const account = await anAccount(client)
  await client.post('logout', undefined, { token: account.access })
  return account
}

const flushFeed = async () =>
  world.dropKeys(await world.keysLike(`${world.env.REDIS_PREFIX}:{revocations}:*`))

/** Follows the cursors until nothing is left. */
const readPages = async (): Promise<Feed[]> => {
  let last = await readFeed(client)
  const pages = [last]
  while (last.more) {
    last = await readFeed(client, last.cursor)
    pages.push(last)
  }
  return pages
}

/** Makes Postgres believe that everything ended some seconds ago. */
const age = (seconds: number) => sql(`UPDATE revocations SET at = at - $1 * interval '1 second'`, [seconds])

test('feed without a cursor → one signed token with the members of the contract, not cached', async t => {
  const { sessionId } = await anEnded()
  const reply = await requestFeed(client)
  t.is(reply.status, 200)
  t.is(reply.headers.get('content-type'), 'text/plain; charset=utf-8')
  t.is(reply.headers.get('cache-control'), 'no-store')
  const feed = await verifiedFeed(client, reply.text)
  t.deepEqual(Object.keys(feed).sort(), ['cursor', 'iat', 'iss', 'sessions', 'users'])
  t.is(feed.iss, world.env.PUBLIC_URL ?? '')
  t.true(Math.abs(Date.parse(feed.iat) - Date.now()) < 5000 * slowness)
  t.true(feed.sessions.includes(sessionId))
})

test('feed token as an access token, and the reverse → refused', async t => {
  const { access } = await anAccount(client)
  const { text } = await requestFeed(client)
  t.is((await client.get('me', { token: text })).status, 401)
  await t.throwsAsync(verifiedFeed(client, access))
  await t.throwsAsync(verifiedFeed(client, text, ''))
  await t.notThrowsAsync(verifiedFeed(client, access, ''))
})

test('session ends while a request waits at another instance → it gets that session, and no other', async t => {
  await anEnded()
  const { access, sessionId } = await anAccount(client)
  const { cursor } = await readFeed(other.client)
  const waiting = readFeed(other.client, cursor)
  await client.post('logout', undefined, { token: access })
  t.like(await waiting, { sessions: [sessionId], users: [], after: cursor })
})

test('logout twice → the session is in the feed once', async t => {
  const { access, sessionId } = await anEnded()
  const { cursor } = await readFeed(client)
  await client.post('logout', undefined, { token: access })
  t.is((await readFeed(client)).sessions.filter(id => id === sessionId).length, 1)
  t.is((await readFeed(client)).cursor, cursor)
})

test('process closes while requests wait → they are answered at once, with their cursor and empty lists', async t => {
  const closing = await world.instance()
  const { cursor } = await readFeed(closing.client)
  const began = performance.now()
  const waiting = Promise.all(Array.from({ length: 20 }, () => requestFeed(closing.client, cursor)))
  await readFeed(closing.client)
  await closing.close()
  for (const { status, text } of await waiting) {
    t.is(status, 200)
    t.like(await verifiedFeed(client, text), { cursor, sessions: [], users: [] })
  }
  t.true(performance.now() - began < 20_000, 'they did not wait for 25 s')
})

test('500 requests wait at one process → all get the same reply, which was signed once', async t => {
  const { access, sessionId } = await anAccount(client)
  const { cursor } = await readFeed(other.client)
  const waiting = Array.from({ length: 500 }, () => requestFeed(other.client, cursor))
  await other.client.get('/livez')
  await client.post('logout', undefined, { token: access })
  const texts = new Set((await Promise.all(waiting)).map(({ text }) => text))
  t.is(texts.size, 1)
  t.deepEqual((await verifiedFeed(client, [...texts][0] ?? '')).sessions, [sessionId])
})

test('HEAD with the newest cursor → answered at once, without a body', async t => {
  const { cursor } = await readFeed(client)
  const reply = await client.send('HEAD', `/.well-known/revocations?after=${cursor}`)
  t.is(reply.status, 200)
  t.is(reply.text, '')
})

test('malformed cursor → the error says where a cursor comes from', async t => {
  const { body } = await requestFeed(client, 'zz')
  t.is(body.errors[0].message, 'This must be the `cursor` of an earlier answer.')
})

test('malformed cursor → 400 without an echo', async t => {
  const { cursor } = await readFeed(client)
  const malformed = [
    '',
    'x',
    '0',
    `${cursor}0`,
    cursor.slice(1),
    cursor.toUpperCase().replace('-', '_'),
    '%00',
  ]
  for (const text of [...malformed, `${cursor}&after=${cursor}`, `${cursor}&limit=1`, '9'.repeat(5000)]) {
    const reply = await requestFeed(client, text)
    if (/^\d+-\d+-[0-9a-f]{12}$/.test(text)) continue
    t.is(reply.status, 400, text.slice(0, 60))
    t.is(reply.body.code, 'VALIDATION_ERROR')
    // Longer than a run of digits in the request id.
    t.false(reply.text.includes('9'.repeat(13)))
  }
})

test('cursor of the future, of another Latchkey or of lost writes → the whole list at once', async t => {
  const { sessionId } = await anEnded()
  const { cursor } = await readFeed(client)
  const [time = '', sequence = '', nonce = ''] = cursor.split('-')
  const unknown = [
    `${Number(time) + 3_600_000}-0-${nonce}`,
    `${time}-${Number(sequence) + 1}-${nonce}`,
    `${time}-${sequence}-${nonce === '0'.repeat(12) ? '1'.repeat(12) : '0'.repeat(12)}`,
    `0-0-${nonce}`,
    `999999999999999-9999999999-${nonce}`,
  ]
  for (const text of unknown) {
    const feed = await readFeed(client, text)
    t.true(feed.sessions.includes(sessionId), text)
    t.is(feed.after, undefined)
    t.is(feed.cursor, cursor)
  }
})

test('Redis is flushed → old cursors get the whole list again, with all that ended before', async t => {
  const { sessionId } = await anEnded()
  const reset = await anAccount(client)
  await sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [reset.userId])
  await age(5)
  const before = await readFeed(client)
  const waiting = readFeed(other.client, before.cursor)
  await flushFeed()
  for (const feed of [await waiting, await readFeed(client, before.cursor), await readFeed(client)]) {
    t.true(feed.sessions.includes(sessionId))
    t.true(feed.users.some(({ sub }) => sub === reset.userId))
    t.not(feed.cursor, before.cursor)
  }
})

test('failover loses the newest entries → their cursor gets the whole list, and the worker adds them again', async t => {
  await anEnded()
  const { sessionId } = await anEnded()
  const { cursor } = await readFeed(client)
  await redis.xdel(keys.revocations, cursor.split('-').slice(0, 2).join('-'))
  await redis.zrem(keys.knownRevocations, `s${sessionId}`)
  const feed = await readFeed(client, cursor)
  t.is(feed.after, undefined)
  t.false(feed.sessions.includes(sessionId))
  await world.run('repairFeed')
  t.true((await readFeed(client)).sessions.includes(sessionId))
  t.true((await readFeed(client, feed.cursor)).sessions.includes(sessionId))
})

test('process dies right after it ended all sessions in Postgres → the worker ends and lists them', async t => {
  const account = await anAccount(client)
  await sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [account.userId])
  const later = (await client.post('login', { email: account.email, password })).body
  await world.run('settleEndings')
  await world.run('repairFeed')
  t.false(
    (await readFeed(client)).sessions.includes(account.sessionId),
    'the process gets two seconds for it',
  )
  await age(3)
  await world.run('settleEndings')
  await world.run('repairFeed')
  const { sessions, users } = await readFeed(client)
  t.true(sessions.includes(account.sessionId))
  t.false(sessions.includes(later.session_id))
  t.true(users.some(({ sub }) => sub === account.userId))
  t.is(await redis.exists(keys.session(account.userId, account.sessionId)), 0)
  t.is((await client.get('me', { token: later.access_token })).status, 200)
})

test('transaction that ends all sessions rolls back → the feed does not refuse the user', async t => {
  const { userId } = await anAccount(client)
  await sql(
    `DO $$ BEGIN
      UPDATE users SET session_epoch = session_epoch + 1 WHERE id = '${userId}';
      RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN NULL; END $$`,
  )
  t.deepEqual(await sql('SELECT 1 FROM revocations WHERE sub = $1', [userId]), [])
})

test('user signs in and out without a pause → at most 50 sessions and one entry of the user', async t => {
  const { email, userId } = await anAccount(client)
  const before = new Set((await readFeed(client)).sessions)
  for (let round = 0; round < 10; round++) {
    const signIns = Array.from({ length: 6 }, () => client.post('login', { email, password }))
    for (const { body } of await Promise.all(signIns))
      await client.post('logout', undefined, { token: body.access_token })
  }
  const { sessions, users } = await readFeed(client)
  t.is(sessions.filter(id => !before.has(id)).length, 50)
  t.is(users.filter(({ sub }) => sub === userId).length, 1)
})

test('more entries than fit into one reply → the next ones follow at once, and none is missing', async t => {
  const ids = Array.from({ length: 4100 }, () => randomUUID())
  await sql('INSERT INTO revocations (sub, session_id) SELECT id, id FROM unnest($1::uuid[]) id', [ids])
  await flushFeed()
  const pages = await readPages()
  t.is(pages.length, 3)
  t.true(pages.every(({ more }, i) => (more === true) === i < 2))
  const found = new Set(pages.flatMap(({ sessions }) => sessions))
  t.true(ids.every(id => found.has(id)))
})

test('more requests of a network than the limit → 429', async t => {
  const limited = await world.instance({ RATE_LIMITS: 'revocations=2/15m' })
  const statuses = []
  for (let i = 0; i < 3; i++) statuses.push((await requestFeed(limited.client)).status)
  t.deepEqual(statuses, [200, 200, 429])
})

test('the life of an access token has passed → the entry is gone from the feed, and later from Postgres', async t => {
  const { sessionId } = await anEnded()
  await world.travel(16 * 60_000 + 1000)
  t.false((await readPages()).some(({ sessions }) => sessions.includes(sessionId)))
  await world.travel(0)
  await age(17 * 60)
  for (let i = 0; i < 6; i++) await world.run('repairFeed')
  t.deepEqual(await sql('SELECT 1 FROM revocations'), [])
})
