import test from 'ava'
import { anAccount } from '../../fixtures.ts'
import { confirm, requestLoginMail } from '../../integration/email-login/login-mail.ts'
import { aUserWithTotp } from '../../integration/login/second-factors.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ worker: true, singleRedis: true })
const proxied = await openProxiedInstance(world)
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const codesTo = (email: string) =>
  world.sql<{ status: string }>(`SELECT status FROM emails WHERE recipient = $1 AND kind = 'login_code'`, [
    email,
  ])

test.serial('Redis is down → 503 without an email, and a code from before signs in afterwards', async t => {
  const { email } = await anAccount(world.client)
  const { login_token, code } = await requestLoginMail(world, email)
  proxied.redis.cut()
  const asked = await proxied.client.post('login/email', { email })
  t.is(asked.status, 503)
  t.truthy(asked.headers.get('retry-after'))
  t.is((await codesTo(email)).length, 1, 'no code without a login token is sent')
  t.is((await confirm(proxied.client, { login_token, code })).status, 503)
  proxied.redis.heal()
  const reply = await until('Redis to answer', async () => {
    const sent = await confirm(proxied.client, { login_token, code })
    return sent.status !== 503 && sent
  })
  t.is(reply.status, 200, reply.text)
})

test.serial('Postgres is down → 503, and a code from before signs in afterwards', async t => {
  const { email } = await anAccount(world.client)
  const { login_token, code } = await requestLoginMail(world, email)
  proxied.postgres.cut()
  t.is((await proxied.client.post('login/email', { email })).status, 503)
  t.is((await confirm(proxied.client, { login_token, code })).status, 503)
  proxied.postgres.heal()
  const reply = await until('Postgres to answer', async () => {
    const sent = await confirm(proxied.client, { login_token, code })
    return sent.status !== 503 && sent
  })
  t.is(reply.status, 200, reply.text)
})

test.serial('the mail server refuses emails → 202, and the code arrives later', async t => {
  const { email } = await anAccount(world.client)
  await world.mails.answer({ message: 'try later', responseCode: 451 })
  const { status, body } = await world.client.post('login/email', { email })
  t.is(status, 202)
  await until('an attempt to fail', async () => {
    const [row] = await world.sql<{ last_error: string | null }>(
      `SELECT last_error FROM emails WHERE recipient = $1 AND kind = 'login_code'`,
      [email],
    )
    return row?.last_error
  })
  await world.mails.answer(null)
  const { code } = await world.mails.to(email, 1, '/login-code?')
  t.is((await confirm(world.client, { login_token: body.login_token, code })).status, 200)
})

test.serial(
  'Postgres is down during many tries → they use up no guess, and the code signs in afterwards',
  async t => {
    const { email } = await anAccount(world.client)
    const { login_token, code } = await requestLoginMail(world, email)
    proxied.postgres.cut()
    for (let i = 0; i < 6; i++) t.is((await confirm(proxied.client, { login_token, code })).status, 503)
    proxied.postgres.heal()
    t.is((await confirm(world.client, { login_token, code })).status, 200)
  },
)

test.serial(
  'Postgres fails to store the first step of two → 503, and the same code passes afterwards',
  async t => {
    const { email } = await aUserWithTotp(world)
    const { login_token, code } = await requestLoginMail(world, email)
    await world.sql(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$`)
    await world.sql(`CREATE TRIGGER fail BEFORE INSERT ON audit_events FOR EACH ROW
    WHEN (NEW.type = 'login.challenged') EXECUTE FUNCTION fail()`)
    for (let i = 0; i < 6; i++) t.is((await confirm(world.client, { login_token, code })).status, 503)
    await world.sql('DROP FUNCTION fail CASCADE')
    t.is((await confirm(world.client, { login_token, code })).body.code, 'MFA_REQUIRED')
    t.is((await confirm(world.client, { login_token, code })).body.code, 'INVALID_TOKEN')
  },
)
