import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { retireKey } from '../../src/features/signing-keys/retire-key.ts'
import { rotateKey } from '../../src/features/signing-keys/rotate-key.ts'
import { keyTimes } from '../../src/features/signing-keys/types.ts'
import { defaultTimeouts } from '../../src/platform/config/timeouts.ts'
import { signToken } from '../../src/platform/crypto/paseto.ts'
import { generateKey, importSecret } from '../../src/platform/crypto/paseto-keys.ts'
import { startWorker } from '../../src/processes/worker/start-worker.ts'
import { anApi } from '../chaos/processes.ts'
import { anAccount } from '../fixtures.ts'
import { generousTimeouts, openLocalWorld } from '../local-world.ts'
import { openProxiedInstance } from '../proxied-instance.ts'
import { kill } from '../spawn.ts'
import { until } from '../until.ts'

// Signing keys while a process, or its connection to Postgres, stands still.

const world = await openLocalWorld({ singleRedis: true })
test.after.always(() => world[Symbol.asyncDispose]())

const { client, deps, sql } = world
const { redisCommand, hasherThread } = generousTimeouts
const quick = { ...defaultTimeouts, redisCommand, hasherThread }
const actor = { origin: { ip: '', userAgent: 'test' } }
const signingKid = () => deps.ring.signing().kid

const aForgedToken = () => {
  const { kid, paserkSecret } = generateKey()
  const claims = { iss: 'http://latchkey.test', aud: 'http://latchkey.test', sub: 'x', sid: 'x' }
  const times = { now: new Date(), ttlSeconds: 900 }
  return signToken({ kid, secret: importSecret(paserkSecret) }, claims, times)
}

test.serial(
  'a key is retired while a process is stopped → its first request afterwards is refused',
  async t => {
    const api = await anApi(world)
    t.teardown(() => kill(api.child))
    const { access: token, refresh } = await anAccount(client)
    t.is((await api.client.get('me', { token })).status, 200)

    api.child.kill('SIGSTOP')
    await retireKey(deps, { kid: signingKid(), actor })
    // The keys that the process has read are too old then. There is nothing to poll for.
    await sleep(keyTimes.longestUnread)
    const pending = Promise.all([
      api.client.get('me', { token }),
      api.client.post('refresh', { refresh_token: refresh }),
    ])
    api.child.kill('SIGCONT')
    const [{ status, body }, refreshed] = await pending
    t.deepEqual([status, body.code], [401, 'INVALID_TOKEN'])
    t.is(
      (await client.get('me', { token: refreshed.body.access_token })).status,
      200,
      'it signs with the new key',
    )
  },
)

for (const [fault, begin] of [
  ['Postgres refuses connections', 'cut'],
  ['Postgres hangs', 'pause'],
] as const)
  test.serial(
    `${fault} → tokens get 503, signing out works, and a key that was retired meanwhile is refused`,
    async t => {
      await using proxied = await openProxiedInstance(world, undefined, quick)
      const { reads } = proxied.deps
      let [unanswered, most] = [0, 0]
      const { run } = reads
      reads.run = async (statement, values) => {
        if (statement.name !== 'published-signing-keys') return run(statement, values)
        most = Math.max(most, ++unanswered)
        return run<never>(statement, values).finally(() => {
          unanswered--
        })
      }
      const [account, signedOut] = [await anAccount(proxied.client), await anAccount(proxied.client)]
      const { kid } = proxied.deps.ring.signing()

      proxied.postgres[begin]()
      await until(
        'the reads to fail',
        () => world.logs.some(line => line.includes('signing keys cannot be read')),
        60_000,
      )
      // A logout needs no Postgres. Its access token must be verified nevertheless.
      t.is((await proxied.client.post('logout', {}, { token: signedOut.access })).status, 204)
      t.is((await client.get('me', { token: signedOut.access })).body.code, 'SESSION_REVOKED')
      const unknown = await proxied.client.get('me', { token: aForgedToken() })
      t.is(unknown.status, 503)
      t.is((await proxied.client.get('/.well-known/paseto-keys')).status, 200)
      t.is(proxied.deps.ring.signing().kid, kid)
      t.is(most, 1, 'one read at a time')
      await retireKey(deps, { kid, actor })

      proxied.postgres.heal()
      await until(
        'the instance to answer',
        async () => {
          const { status } = await proxied.client.get('me', { token: account.access })
          if (status === 200) throw new Error('a token of a retired key was accepted')
          return status === 401
        },
        60_000,
      )
      world.logs.length = 0
    },
  )

test.serial(
  'Postgres is down when a key is due → the worker logs it, tries again and promotes the key',
  async t => {
    await using proxied = await openProxiedInstance(world, undefined, quick)
    const rotated = await rotateKey(deps, { now: false, actor })
    const statusOf = async () =>
      (await sql<{ status: string }>('SELECT status FROM signing_keys WHERE kid = $1', [rotated?.key.kid]))[0]
        ?.status
    proxied.postgres.cut()
    const worker = startWorker(proxied.deps)
    t.teardown(worker.close)
    await sql('UPDATE signing_keys SET not_before = now() WHERE kid = $1', [rotated?.key.kid])
    await until('the job to fail', () => world.logs.some(line => line.includes('"job":"rotateWhenDue"')))
    t.is(await statusOf(), 'published')
    proxied.postgres.heal()
    await until('the key to sign', async () => (await statusOf()) === 'signing', 60_000)
  },
)
