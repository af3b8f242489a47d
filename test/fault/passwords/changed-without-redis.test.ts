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

test('a change that is stored when Redis goes away is not called undone', async t => {
  const { email, password, access: token } = await anAccount(world.client)
  // The change takes a while, and Redis goes away in it.
  await world.sql(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$`)
  await world.sql(
    `CREATE TRIGGER dawdle BEFORE UPDATE OF password_hash ON users FOR EACH ROW EXECUTE FUNCTION dawdle()`,
  )
  const changing = proxied.client.post(
    'change-password',
    { current_password: password, new_password: newPassword },
    { token },
  )
  await until('the change is under way', async () => {
    const asleep = await world.sql(
      `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`,
    )
    return asleep.length > 0
  })
  proxied.redis.cut()
  const { status, text } = await changing
  t.is(status, 204)
  t.is(text, '')
  await world.sql('DROP TRIGGER dawdle ON users')
  t.is((await world.client.post('login', { email, password })).status, 401)
  t.is((await world.client.post('login', { email, password: newPassword })).status, 200)
  t.is((await world.client.get('me', { token })).status, 401)
})
