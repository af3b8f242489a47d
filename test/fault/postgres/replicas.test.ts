import test from 'ava'
import { defaultTimeouts as timeouts } from '../../../src/platform/config/timeouts.ts'
import { anAccount } from '../../fixtures.ts'
import { adminActions, anAdmin } from '../../integration/admin/admin-account.ts'
import { generousTimeouts, openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

// The replica is a separate database with other rows, so each reply shows which of the two was read.

// Only Postgres may time out in these tests.
const changed = { ...timeouts, redisCommand: generousTimeouts.redisCommand }
const primary = await openLocalWorld({ timeouts: changed })
const copy = await openLocalWorld({ singleRedis: true })
const proxied = await openProxiedInstance(copy)
const elsewhere = 'postgres://user@127.0.0.1:1/none'
const over = (replicas: string) =>
  openLocalWorld({
    timeouts: changed,
    env: {
      DATABASE_URL: primary.config.DATABASE_URL,
      REDIS_PREFIX: primary.config.REDIS_PREFIX,
      DATABASE_REPLICA_URLS: replicas,
    },
  })
const world = await over(proxied.deps.config.DATABASE_URL)
const half = await over(`${elsewhere},${proxied.deps.config.DATABASE_URL}`)
const alone = await over(elsewhere)
const admin = await anAdmin({ client: world.client, sql: primary.sql })
const old = await anAccount(copy.client)
test.after.always(async () => {
  for (const each of [world, half, alone]) await each[Symbol.asyncDispose]()
  await proxied[Symbol.asyncDispose]()
  await copy[Symbol.asyncDispose]()
  await primary[Symbol.asyncDispose]()
})

const { client } = world
const listed = async (of = world): Promise<string[]> => {
  const { body } = await adminActions(of.client, admin.access).list('limit=100')
  return (body.data ?? []).map(({ email }: { email: string }) => email)
}

test.serial('a replica is configured → lists are read from it', async t => {
  for (let i = 0; i < 3; i++) t.deepEqual(await listed(), [old.email])
})

test.serial(
  'one of two replicas does not exist → the service starts and reads from the other one',
  async t => {
    const seen = [await listed(half), await listed(half), await listed(half)].flat()
    t.true(seen.includes(old.email))
    for (let i = 0; i < 3; i++) t.deepEqual(await listed(alone), [admin.email])
  },
)

test.serial('a replica is configured → requests that authenticate a user read from the primary', async t => {
  const account = await anAccount(client)
  t.is((await client.get('me', { token: account.access })).status, 200)
  t.is((await client.post('login', { email: account.email, password: account.password })).status, 200)
  t.is((await client.post('logout', undefined, { token: account.access })).status, 204)
  t.is((await client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
})

for (const [fault, begin] of Object.entries({
  'is down': () => proxied.postgres.cut(),
  hangs: () => proxied.postgres.pause(),
}))
  test.serial(`the replica ${fault} → the primary answers until the replica is back`, async t => {
    begin()
    const began = performance.now()
    const found = await listed()
    t.true(performance.now() - began < 5000)
    t.true(found.includes(admin.email))
    t.false(found.includes(old.email))
    const failed = () => world.logs.filter(line => line.includes('a replica of postgres')).length
    const before = failed()
    t.true((await listed()).includes(admin.email))
    t.is(failed(), before, 'a replica that failed is not asked for a while')
    proxied.postgres.heal()
    await until('the replica to be read again', async () => (await listed()).includes(old.email), 20_000)
  })

test.serial('a replica cannot run a query, as before a migration → the primary answers', async t => {
  await copy.sql('ALTER TABLE users RENAME COLUMN picture_url TO picture')
  t.true((await listed()).includes(admin.email))
  await copy.sql('ALTER TABLE users RENAME COLUMN picture TO picture_url')
  await until('the replica to be read again', async () => (await listed()).includes(old.email), 20_000)
})

test.serial(
  'DATABASE_REPLICA_URLS is invalid → the process does not start, and the error does not show the URL',
  async t => {
    await t.throwsAsync(
      openLocalWorld({ env: { DATABASE_REPLICA_URLS: 'postgres://ok/x,http://canary7' } }),
      {
        message: /^DATABASE_REPLICA_URLS must be a comma-separated list(?!.*canary7)/,
      },
    )
  },
)
