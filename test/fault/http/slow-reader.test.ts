import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import pg from 'pg'
import { authorize } from '../../../src/features/sessions/authorize.ts'
import { problems, scopes } from '../../../src/modules.ts'
import { docAssets } from '../../../src/platform/api-docs/docs.ts'
import { createApp } from '../../../src/platform/http/app.ts'
import { stalledAfterMs } from '../../../src/platform/http/node-http.ts'
import { openClient } from '../../client.ts'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { coreRoutes } from '../../routes.ts'
import { slowness, until } from '../../until.ts'

// Clients that request a large file and do not read it, or read it slowly.

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const timeoutMs = 3000 * slowness
const bundle = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'

/** The service on a port of its own, with a shorter timeout than in production. */
const listen = async (): Promise<{ server: Server; port: number } & AsyncDisposable> => {
  const assets = docAssets(
    async () => ({ routes: coreRoutes, problems, scopes }),
    world.deps.config.PUBLIC_URL,
  )
  const { server } = await createApp(world.deps, { routes: coreRoutes, assets, authorize }, () => false)
  if (server.timeout !== stalledAfterMs) throw new Error(`the service waits for ${server.timeout} ms`)
  server.timeout = timeoutMs
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    server,
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const connections = (server: Server): Promise<number> =>
  new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  )

const open = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.pause()
  return socket
}

test('clients request megabytes and read nothing → their connections close, and other clients are served', async t => {
  await using service = await listen()
  const sockets = await Promise.all(Array.from({ length: 10 }, () => open(service.port)))
  // Bytes in the buffers of the kernel count as read, so each client requests more than they hold.
  for (const socket of sockets) socket.write(bundle.repeat(12))
  await until(
    'every connection to be open',
    async () => (await connections(service.server)) === sockets.length,
  )
  t.is(
    (await fetch(`http://127.0.0.1:${service.port}/livez`, { headers: { connection: 'close' } })).status,
    200,
  )
  await until('every connection to close', async () => (await connections(service.server)) === 0, 20_000)
  for (const socket of sockets) socket.destroy()
  t.pass()
})

test('a client reads slowly → it gets every byte', async t => {
  await using service = await listen()
  const socket = await open(service.port)
  const times = 6
  socket.write(bundle.repeat(times - 1) + bundle.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  const began = performance.now()
  let taken = 0
  const timer = setInterval(() => {
    taken += socket.read()?.length ?? 0
  }, 50 * slowness)
  await once(socket, 'close')
  clearInterval(timer)
  const took = performance.now() - began
  const reply = await fetch(`http://127.0.0.1:${service.port}/docs/swagger-ui-bundle.js`)
  const size = (await reply.arrayBuffer()).byteLength
  t.true(taken > size * times, `${taken} of ${size * times} bytes in ${took} ms`)
  t.true(took > timeoutMs, 'longer than the timeout for clients that read nothing')
})

test('a handler takes longer than the timeout for stalled readers → its reply arrives', async t => {
  await using service = await listen()
  const { email, password } = await anAccount(world.client)
  const client = openClient(`http://127.0.0.1:${service.port}`)
  const holder = new pg.Client({ connectionString: world.config.DATABASE_URL })
  await holder.connect()
  t.teardown(() => holder.end())
  await holder.query('BEGIN')
  await holder.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
  const login = client.post('login', { email, password })
  await Promise.all([
    login.then(reply => t.is(reply.status, 200)),
    sleep(1.5 * timeoutMs).then(() => holder.query('COMMIT')),
  ])
})
