import test from 'ava'
import { createVerifier } from '../../packages/guard/src/verifier.ts'
import { assertNoDuplicates, lastUntilFelt, runFaults } from '../chaos/fault-run.ts'
import { openPostgresFaultWorld } from '../chaos/fault-world.ts'
import type { Load } from '../chaos/load.ts'
import { anAccount, anEmail, password } from '../fixtures.ts'
import { until } from '../until.ts'

const setup = await openPostgresFaultWorld()
const { world, urls, server: postgres, other } = setup
test.after.always(() => setup[Symbol.asyncDispose]())

const { client, config, deps } = world

test.serial('Postgres crashes and restarts under load → 503 meanwhile, and nothing is half done', async t => {
  const account = await anAccount(client)
  const { keys } = (await client.get('/.well-known/paseto-keys')).body
  const { verify } = createVerifier({ issuer: config.PUBLIC_URL, keys })
  const session = () => deps.redis.hgetall(deps.keys.session(account.userId, account.sessionId))
  const before = await session()

  const down = (end: () => Promise<void>) => async (load: Load) => {
    await end()
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 503)
    t.deepEqual(await session(), before, 'the refresh token is not used')
    t.is((await client.post('register', { email: anEmail(), password })).status, 503)
    t.is(typeof (await verify(account.access)), 'object', 'access tokens are verified offline')
    t.deepEqual((await client.get('/.well-known/paseto-keys')).body.keys, keys)
    await until('readyz to report it', async () => {
      const { status, body } = await client.get('/readyz')
      return status === 503 && body.checks.postgres === 'down' && body.checks.redis === 'up'
    })
    await lastUntilFelt(load, 1000)
    await postgres.start()
  }
  await runFaults(t, {
    world,
    urls,
    faults: {
      'an immediate stop': down(() => postgres.stop('immediate')),
      'a kill': down(() => postgres.kill()),
      'a restart': down(() => postgres.stop('clean')),
    },
  })
  await assertNoDuplicates(t, world)
  const next = await client.post('refresh', { refresh_token: account.refresh })
  t.is(next.status, 200, 'the refresh token works afterwards')
  t.is((await client.get('me', { token: next.body.access_token })).status, 200)
})

test.serial('logout while Postgres is down → the session ends on every instance', async t => {
  const account = await anAccount(client)
  const bystander = await anAccount(client)
  await postgres.stop('immediate')
  const logout = await client.post('logout', { refresh_token: account.refresh })
  await postgres.start()
  t.is(logout.status, 204)
  await until(
    'the service to answer',
    async () => (await client.get('me', { token: bystander.access })).status === 200,
    30_000,
  )
  for (const by of [client, other.client]) {
    t.is((await by.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
    t.is((await by.post('refresh', { refresh_token: account.refresh })).body.code, 'INVALID_REFRESH_TOKEN')
  }
})
