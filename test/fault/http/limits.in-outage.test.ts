import test from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

// Requests that failed in an outage do not count towards limits: a client that retries, as Retry-After asks, must not be
// rate limited for it.

const world = await openLocalWorld({
  singleRedis: true,
  env: { RATE_LIMITS: 'register=3/15m,login=3/15m,refresh=3/15m,anonymous=3/15m' },
})
const proxied = await openProxiedInstance(world)
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})
test.serial.afterEach.always(async () => {
  proxied.postgres.heal()
  proxied.redis.heal()
  const counters = await world.deps.redis.keys(`${world.deps.keys.limit('')}*`)
  if (counters.length > 0) await world.deps.redis.del(...counters)
})

const served = (token: string) =>
  until(
    'both stores to answer',
    async () => (await proxied.client.get('me', { token })).status === 200,
    15_000,
  )

for (const store of ['postgres', 'redis'] as const)
  test.serial(`requests fail because ${store} is down → they do not count towards limits`, async t => {
    const account = await anAccount(world.client)
    const { email, password } = account
    const asks = {
      refresh: () => proxied.client.post('refresh', { refresh_token: account.refresh }),
      login: () => proxied.client.post('login', { email, password }),
      'forgot-password': () => proxied.client.post('forgot-password', { email }),
      'verify-reset-token': () => proxied.client.post('verify-reset-token', { email, code: '000000' }),
    }
    proxied[store].cut()
    for (const [name, ask] of Object.entries(asks)) {
      const statuses: number[] = []
      for (let i = 0; i < 5; i++) statuses.push((await ask()).status)
      // Forgot-password works without Redis too.
      const met = name === 'forgot-password' && store === 'redis' ? 202 : 503
      t.deepEqual(statuses, Array(5).fill(met), name)
    }
    proxied[store].heal()
    await served(account.access)
    const after = Object.fromEntries(
      await Promise.all(Object.entries(asks).map(async ([name, ask]) => [name, (await ask()).status])),
    )
    t.deepEqual(after, { refresh: 200, login: 200, 'forgot-password': 202, 'verify-reset-token': 401 })
  })

test.serial('three answered logins use up the limit → 429 during an outage and after it', async t => {
  const { email, password } = await anAccount(world.client)
  const wrong = { email, password: 'wrong horse 9' }
  for (let i = 0; i < 3; i++) t.is((await world.client.post('login', wrong)).status, 401)
  proxied.postgres.cut()
  for (let i = 0; i < 3; i++) t.is((await proxied.client.post('login', { email, password })).status, 429)
  proxied.postgres.heal()
  t.is((await world.client.post('login', { email, password })).status, 429)
})

test.serial(
  'the right password, and then an outage, eight times → the next login is not rate limited',
  async t => {
    const { email, password, userId } = await anAccount(world.client)
    await world.sql(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$`)
    await world.sql(
      `CREATE TRIGGER fail BEFORE UPDATE OF last_login_at ON users FOR EACH ROW EXECUTE FUNCTION fail()`,
    )
    for (let i = 0; i < 8; i++) t.is((await world.client.post('login', { email, password })).status, 503)
    await world.sql('DROP TRIGGER fail ON users')
    t.is((await world.client.post('login', { email, password })).status, 200)
    const [user] = await world.sql<{ failed_logins: number }>(
      'SELECT failed_logins FROM users WHERE id = $1',
      [userId],
    )
    t.is(user?.failed_logins, 0)
  },
)
