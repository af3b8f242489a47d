import test from 'ava'
import { defaultTimeouts as timeouts } from '../../../src/platform/config/timeouts.ts'
import { anAccount } from '../../fixtures.ts'
import { aClient, postForm } from '../../integration/introspection/a-client.ts'
import { generousTimeouts, openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance, timed } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

// An outage of a store must never make a resource server believe that a token has ended.

// Limits are on: an outage must not cause a 429.
const limits = ['client_auth', 'client_guesses', 'introspect', 'revoke', 'register'].map(
  name => `${name}=1000/15m`,
)
const world = await openLocalWorld({ singleRedis: true, env: { RATE_LIMITS: limits.join(',') } })
// Shorter than in other tests, so that a hang is reported soon. They are long enough for a busy machine.
const { hasherThread } = generousTimeouts
const proxied = await openProxiedInstance(world, undefined, {
  ...timeouts,
  redisCommand: 1200,
  hasherThread,
})
const gateway = await aClient(world, 'introspect', 'revoke')
const machine = await aClient(world, 'orders:read')
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const heal = () => {
  proxied.redis.heal()
  proxied.postgres.heal()
}
test.serial.afterEach.always(heal)

const { client, sql } = world

const faults = {
  'Redis is down': { begin: () => proxied.redis.cut(), timeoutMs: 5000 },
  'Redis hangs': { begin: () => proxied.redis.pause(), timeoutMs: 5000 },
  'Postgres is down': { begin: () => proxied.postgres.cut(), timeoutMs: 8000 },
  'Postgres hangs': { begin: () => proxied.postgres.pause(), timeoutMs: 8000 },
}

for (const [fault, { begin, timeoutMs }] of Object.entries(faults))
  test.serial(
    `${fault} → introspection and revocation answer 503, never inactive, and no session ends`,
    async t => {
      const account = await anAccount(client)
      const granted = await postForm(client, 'token', { grant_type: 'client_credentials' }, machine)
      const ask = (path: 'introspect' | 'revoke', token: string) => () =>
        postForm(proxied.client, path, { token }, gateway)
      const asked = {
        'introspection of an access token': ask('introspect', account.access),
        'introspection of a refresh token': ask('introspect', account.refresh),
        'revocation by an access token': ask('revoke', account.access),
        'revocation by a refresh token': ask('revoke', account.refresh),
      }
      const introspect = asked['introspection of an access token']
      // The service has seen this client before the fault, as in a deployment that runs.
      t.is((await introspect()).body.active, true)

      begin()
      const load = Object.entries(asked).flatMap(entry => Array.from({ length: 5 }, () => entry))
      const answers = await Promise.all(
        load.map(async ([name, send]) => ({ name, ...(await timed(send())) })),
      )
      for (const { name, reply, took } of answers) {
        t.is(reply.status, 503, `${name}: ${reply.text}`)
        t.is(reply.body.error, 'temporarily_unavailable', name)
        t.deepEqual(Object.keys(reply.body).sort(), ['error', 'error_description'])
        t.true(Number(reply.headers.get('retry-after')) >= 1, name)
        t.true(took < timeoutMs, `${name} took ${took} ms`)
      }
      const ofMachine = await ask('introspect', granted.body.access_token)()
      t.is(ofMachine.status, 503, ofMachine.text)

      heal()
      await until('the instance to serve again', async () => (await introspect()).status === 200)
      t.is((await introspect()).body.active, true)
      t.is((await asked['introspection of a refresh token']()).body.active, true)
      t.is((await client.get('me', { token: account.access })).status, 200, 'no session was lost')
      const ended = await sql(`SELECT 1 FROM audit_events WHERE session_id = $1 AND type LIKE 'session.%'`, [
        account.sessionId,
      ])
      t.is(ended.length, 0)
      t.is((await asked['revocation by an access token']()).status, 200)
      t.is((await introspect()).text, '{"active":false}')
    },
  )
