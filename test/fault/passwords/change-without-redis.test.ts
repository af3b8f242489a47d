import test from 'ava'
import { anAccount } from '../../fixtures.ts'
import { newPassword } from '../../integration/passwords/user-with-reset-mail.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ singleRedis: true })
const proxied = await openProxiedInstance(world)
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

test('Redis fails while a new password is stored → 204, and the new password works', async t => {
  const { email, password, access: token } = await anAccount(world.client)
  // A trigger makes the change take 2 s, and Redis fails during it.
  await world.sql(`CREATE FUNCTION delay() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$`)
  await world.sql(
    `CREATE TRIGGER delay BEFORE UPDATE OF password_hash ON users FOR EACH ROW EXECUTE FUNCTION delay()`,
  )
  const changing = proxied.client.post(
    'change-password',
    { current_password: password, new_password: newPassword },
    { token },
  )
  await until('the change to be under way', async () => {
    const asleep = await world.sql(
      `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`,
    )
    return asleep.length > 0
  })
  proxied.redis.cut()
  const { status, text } = await changing
  t.is(status, 204)
  t.is(text, '')
  await world.sql('DROP TRIGGER delay ON users')
  t.is((await world.client.post('login', { email, password })).status, 401)
  t.is((await world.client.post('login', { email, password: newPassword })).status, 200)
  t.is((await world.client.get('me', { token })).status, 401)
})
