import test from 'ava'
import { lastUntilFelt, onRoute, openAdmin, runFaults } from '../chaos/fault-run.ts'
import { openRedisFaultWorld } from '../chaos/fault-world.ts'
import { anAccount, anEmail, password } from '../fixtures.ts'
import { readFeed } from '../integration/revocations/feed-reader.ts'
import { until } from '../until.ts'

const setup = await openRedisFaultWorld()
const { world, urls, server: redis, other } = setup
const admin = openAdmin(redis.url)
test.after.always(async () => {
  await admin.config('SET', 'maxmemory', 0)
  await setup[Symbol.asyncDispose]()
  admin.disconnect()
})

const { client } = world
test.serial.afterEach.always(() => admin.config('SET', 'maxmemory', 0))

test.serial(
  'Redis is out of memory and refuses writes → 503 and never 429, until it has memory again',
  async t => {
    const answersDuring = await runFaults(t, {
      world,
      urls,
      faults: {
        'no memory': async load => {
          await admin.config('SET', 'maxmemory', 1)
          await lastUntilFelt(load, 2000)
          await admin.config('SET', 'maxmemory', 0)
        },
      },
    })
    const answers = answersDuring['no memory'] ?? []
    t.deepEqual(
      answers.filter(({ status }) => status === 429),
      [],
    )
    for (const route of ['me', 'register', 'forgot-password', 'logout'])
      t.is(onRoute(answers, route).counts[503], undefined, `${route} continues`)
  },
)

test.serial('logout while Redis is out of memory → the session ends on every instance', async t => {
  const one = await anAccount(client)
  const another = await anAccount(client)
  const all = await anAccount(client)
  await admin.config('SET', 'maxmemory', 1)
  const email = anEmail()
  t.is((await client.post('register', { email, password })).status, 202)
  t.is((await client.post('login', { email: one.email, password })).status, 503)
  t.is((await client.post('refresh', { refresh_token: one.refresh })).status, 503)
  t.is((await client.get('me', { token: one.access })).status, 200)
  t.is((await client.post('logout', { refresh_token: one.refresh })).status, 204)
  t.is((await client.post('logout', undefined, { token: another.access })).status, 204)
  t.is((await client.post('logout-all', undefined, { token: all.access })).status, 204)
  for (const { access } of [one, another, all])
    t.is((await other.client.get('me', { token: access })).body.code, 'SESSION_REVOKED')

  await admin.config('SET', 'maxmemory', 0)
  for (const { access, refresh } of [one, another, all]) {
    t.is((await client.post('refresh', { refresh_token: refresh })).body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await client.get('me', { token: access })).body.code, 'SESSION_REVOKED')
  }
  const ended = [one, another, all].map(({ sessionId }) => sessionId)
  await until('the feed to list the ended sessions or users', async () => {
    const { sessions, users } = await readFeed(client)
    const isListed = (id: string, userId: string) =>
      sessions.includes(id) || users.some(({ sub }) => sub === userId)
    return [one, another, all].every(({ userId }, i) => isListed(ended[i] ?? '', userId))
  })
  await until('login to work', async () => (await client.post('login', { email, password })).status === 200)
})
