import { createServer } from 'node:net'
import test from 'ava'
import { findServices } from '../../../src/local/find-services.ts'

const silent = () => {}
const nowhere = 'unix:///nowhere/docker.sock'

test('servers that we were told of are handed on and not spoken to', async t => {
  let connections = 0
  const listener = createServer(() => connections++)
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  t.teardown(() => listener.close())
  const address = listener.address()
  const port = address && typeof address === 'object' ? address.port : 0
  const env = { DATABASE_URL: `postgres://me@127.0.0.1:${port}/mine`, REDIS_URL: `redis://127.0.0.1:${port}` }
  for (const purpose of ['dev', 'test'] as const) {
    await using services = await findServices({ purpose, env, say: silent })
    t.is(services.databaseUrl, env.DATABASE_URL)
    t.is(services.redisUrl, env.REDIS_URL)
    t.deepEqual(services.how, { postgres: 'DATABASE_URL', redis: 'REDIS_URL' })
  }
  t.is(connections, 0)
})

test('containers that are asked for are not replaced by anything else', async t => {
  const env = { ...process.env, DATABASE_URL: '', REDIS_URL: '', DOCKER_HOST: nowhere }
  await t.throwsAsync(
    findServices({ purpose: 'test', env: { ...env, LATCHKEY_SERVICES: 'containers' }, say: silent }),
    { message: /no Docker engine answers/ },
  )
})

test('a way that does not exist is refused, not ignored', async t => {
  const env = { DATABASE_URL: '', LATCHKEY_SERVICES: 'container', DOCKER_HOST: nowhere }
  await t.throwsAsync(findServices({ purpose: 'test', env, say: silent }), { message: /LATCHKEY_SERVICES/ })
})
