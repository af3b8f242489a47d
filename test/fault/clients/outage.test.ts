import test from 'ava'
import { aMachine, askToken, machineToken } from '../../integration/clients/machine.ts'
import { errorFault } from '../../integration/http/problem-fault.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ singleRedis: true })
const proxied = await openProxiedInstance(world)
const machine = await aMachine(world, ['users:read'])
const wrong = { ...machine, secret: 'lks_wrong' }
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

for (const store of ['redis', 'postgres'] as const)
  test.serial(
    `${store} is down → 503 in the format of RFC 6749, never 401, and a token works later`,
    async t => {
      const token = await machineToken(proxied.client, machine)
      proxied[store].cut()
      for (const asked of [machine, wrong]) {
        const reply = await askToken(proxied.client, asked)
        t.deepEqual([reply.status, reply.body.error], [503, 'temporarily_unavailable'])
        t.truthy(reply.headers.get('retry-after'))
        t.is(errorFault('/api/v1/oauth/token', reply), null)
      }
      const admin = await proxied.client.get('/api/v1/admin/users', { token })
      // A machine client has no session in Redis, and its limits are counted in memory meanwhile.
      t.is(admin.status, store === 'postgres' ? 503 : 200)
      proxied[store].heal()
      await until('a token', async () => (await askToken(proxied.client, machine)).status === 200)
      t.is((await proxied.client.get('/api/v1/admin/users', { token })).status, 200)
    },
  )
