import { once } from 'node:events'
import { mkdtempDisposable } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

test('REDIS_URL with a Unix socket → sessions and queue work through it', async t => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lk-'))
  const path = join(folder.path, 'redis.sock')
  const { hostname, port, username, password, pathname } = new URL(process.env.TEST_REDIS_SINGLE_URL ?? '')
  let clients = 0
  const server = createServer(client => {
    clients++
    const redis = connect(Number(port || 6379), hostname)
    client.on('error', () => redis.destroy()).pipe(redis)
    redis.on('error', () => client.destroy()).pipe(client)
  }).listen(path)
  await once(server, 'listening')
  t.teardown(() => server.close())

  const redisUrl = `unix://${username}:${password}@${path}?db=${pathname.slice(1) || '0'}`
  await using world = await openWorld({ worker: true, env: { REDIS_URL: redisUrl } })
  const { email, access, refresh } = await anAccount(world.client)
  t.is((await world.client.get('me', { token: access })).status, 200)
  t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 200)
  await world.mails.to(email)
  t.true(clients >= 2, 'the API and the worker each have a connection')
})
