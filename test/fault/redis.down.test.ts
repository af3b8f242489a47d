import test from 'ava'
import { createVerifier } from '../../packages/guard/src/verifier.ts'
import { lastUntilFelt, onRoute, runFaults } from '../chaos/fault-run.ts'
import { openRedisFaultWorld } from '../chaos/fault-world.ts'
import type { Load } from '../chaos/load.ts'
import { openClient } from '../client.ts'
import { anAccount, anEmail, password } from '../fixtures.ts'
import { kill } from '../spawn.ts'
import { until } from '../until.ts'

const setup = await openRedisFaultWorld()
const { world, urls, server: redis } = setup
test.after.always(() => setup[Symbol.asyncDispose]())

const { client, config } = world

const readyzReportsRedis = () =>
  until('readyz to report it', async () => {
    const { status, body } = await client.get('/readyz')
    return status === 503 && body.checks.redis === 'down' && body.checks.postgres === 'up'
  })

test.serial('Redis stops and restarts under load → 503 meanwhile, and no session is lost', async t => {
  const { access } = await anAccount(client)
  const { keys } = (await client.get('/.well-known/paseto-keys')).body
  const { verify } = createVerifier({ issuer: config.PUBLIC_URL, keys })
  const down = (end: () => Promise<void>) => async (load: Load) => {
    await end()
    await lastUntilFelt(load, 1200)
    await readyzReportsRedis()
    t.is(typeof (await verify(access)), 'object', 'access tokens are verified offline')
    t.deepEqual((await client.get('/.well-known/paseto-keys')).body.keys, keys)
    await redis.start()
  }
  const answersDuring = await runFaults(t, {
    world,
    urls,
    faults: { 'a stop': down(() => redis.stop()), 'a kill': down(() => redis.kill()) },
  })
  for (const [fault, answers] of Object.entries(answersDuring)) {
    for (const route of ['me', 'refresh', 'login', 'logout']) {
      const { median } = onRoute(answers, route)
      t.true(median < 1000, `${fault}: ${route} took ${median} ms`)
    }
    for (const route of ['register', 'forgot-password'])
      t.is(onRoute(answers, route).counts[503], undefined, `${fault}: ${route} continues`)
  }
})

test.serial(
  'an API starts while Redis is down → it serves what needs no Redis, and everything later',
  async t => {
    const { access, refresh } = await anAccount(client)
    await redis.stop()
    const { child, lines } = world.spawn('api')
    const line = await until(
      'the API to listen',
      () => lines.find(each => each.includes('"listening"')),
      40_000,
    )
    const late = openClient(`http://127.0.0.1:${JSON.parse(line).port}`)
    t.is((await late.get('/livez')).status, 200)
    t.is((await late.get('me', { token: access })).status, 503)
    t.is((await late.post('refresh', { refresh_token: refresh })).status, 503)
    const email = anEmail()
    t.is((await late.post('register', { email, password })).status, 202)
    t.is((await late.post('forgot-password', { email })).status, 202)

    await redis.start()
    await until(
      'the API to serve sessions',
      async () => (await late.get('me', { token: access })).status === 200,
      30_000,
    )
    t.is((await late.post('refresh', { refresh_token: refresh })).status, 200)
    t.is((await late.post('login', { email, password })).status, 200)
    t.is((await late.get('/readyz')).status, 200)
    await world.sql(`UPDATE emails SET sweep_after = now() WHERE status = 'queued'`)
    await world.mails.to(email, 2)
    t.is(child.exitCode, null)
    await kill(child)
  },
)
