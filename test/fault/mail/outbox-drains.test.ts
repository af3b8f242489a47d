import test from 'ava'
import { compileAll } from '../../../src/platform/mail/render.ts'
import { startWorker } from '../../../src/processes/worker/start-worker.ts'
import { openClient } from '../../client.ts'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxy } from '../../proxy.ts'
import { dropKeys, keysOf } from '../../redis-keys.ts'
import { kill } from '../../spawn.ts'
import { plainTheme } from '../../theme.ts'
import { until } from '../../until.ts'

// A process or Redis may fail between the commit of an email and its job. The sweep then finds the row.

await compileAll(plainTheme)
const world = await openLocalWorld({ singleRedis: true })
test.after.always(() => world[Symbol.asyncDispose]())

const { hostname, port } = new URL(world.config.REDIS_URL)

/** Starts an API process whose Redis can fail. */
const openApi = async () => {
  const proxy = await openProxy(hostname, Number(port))
  const { child, lines } = world.spawn('api', { REDIS_URL: proxy.through(world.config.REDIS_URL) })
  const line = await until(
    'the API to listen',
    () => lines.find(each => each.includes('"listening"')),
    50_000,
  )
  return { proxy, child, client: openClient(`http://127.0.0.1:${JSON.parse(line).port}`) }
}

test.beforeEach(() => world.deps.queue.open().obliterate({ force: true }))

const jobs = () => world.deps.queue.open().getJobCountByTypes('waiting', 'active', 'delayed', 'prioritized')
const makeDue = () => world.sql(`UPDATE emails SET sweep_after = now() WHERE status = 'queued'`)
const rowsTo = (email: string) =>
  world.sql<{ status: string }>('SELECT status FROM emails WHERE recipient = $1', [email])
const userOf = async (email: string) =>
  (await world.sql<{ id: string }>('SELECT id FROM users WHERE email = $1', [email]))[0]

const drain = async (emails: string[]) => {
  await makeDue()
  const worker = startWorker(world.deps)
  for (const email of emails) await world.mails.to(email)
  await until('the outbox to be empty', async () => {
    const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
    return queued.length === 0
  })
  await worker.close()
}

test.serial('an API is killed between the commit of an email and its job → the email is sent', async t => {
  const { proxy, child, client } = await openApi()
  proxy.pause()
  const email = anEmail()
  const reply = client.post('register', { email, password }).then(
    ({ status }) => status,
    () => 'cut off',
  )
  await until('the account to be committed', () => userOf(email))
  await kill(child)
  t.is(await reply, 'cut off')
  await proxy[Symbol.asyncDispose]()

  t.deepEqual(await rowsTo(email), [{ status: 'queued' }])
  t.is(await jobs(), 0)
  await drain([email])
  const { link } = await world.mails.to(email)
  t.is(world.mails.caught.filter(({ to }) => to.includes(email)).length, 1)
  t.is((await world.client.post('login', { email, password })).status, 200)
  t.is((await world.client.post('verify-email', { token: tokenOf(link) })).status, 200)
})

test.serial('a registration while Redis is down → its email is sent once Redis is back', async t => {
  const { proxy, child, client } = await openApi()
  proxy.cut()
  const email = anEmail()
  const { status, body } = await client.post('register', { email, password })
  t.is(status, 202)
  t.is(body.user.email, email)
  t.is((await client.post('resend-verification', { email: anEmail() })).status, 202)
  await kill(child)
  await proxy[Symbol.asyncDispose]()
  t.is(await jobs(), 0)
  await drain([email])
  t.is(world.mails.caught.filter(({ to }) => to.includes(email)).length, 1)
})

test.serial('Redis loses the whole queue → no email is lost', async t => {
  const accounts = await Promise.all(Array.from({ length: 8 }, () => anAccount(world.client)))
  t.is(await jobs(), 8)
  await dropKeys(world.deps.redis, await keysOf(world.deps.redis, world.config.REDIS_PREFIX, '{*'))
  t.is(await jobs(), 0)
  const emails = accounts.map(({ email }) => email)
  await drain(emails)
  for (const email of emails) t.is(world.mails.caught.filter(({ to }) => to.includes(email)).length, 1)
})

test.serial('the queue is healthy → a sweep does nothing', async t => {
  const { email } = await anAccount(world.client)
  const worker = startWorker(world.deps)
  await world.mails.to(email)
  await worker.close()
  const lines = world.logs.filter(line => line.includes('periodic job failed'))
  t.deepEqual(lines, [])
})
