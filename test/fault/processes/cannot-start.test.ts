import { once } from 'node:events'
import { createServer } from 'node:net'
import test from 'ava'
import { openLocalWorld } from '../../local-world.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const crew = { API_PROCESSES: '3', NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '' }

const endOf = async (env: Record<string, string>) => {
  const { child, lines } = world.spawn('api', { ...crew, LOG_LEVEL: 'info', ...env })
  const [code] = await once(child, 'close')
  return { code, lines }
}

test('faults of the configuration are told once, and the exit code is that of a configuration', async t => {
  const { code, lines } = await endOf({ APP_SECRET: 'short', PORT: 'x' })
  t.is(code, 78)
  t.deepEqual(lines, [
    'latchkey cannot start:',
    '  APP_SECRET must have 32 characters at least',
    '  PORT must be a whole number from 0 to 65535',
  ])
  t.deepEqual((await endOf({ API_PROCESSES: '65' })).lines.slice(1), [
    '  API_PROCESSES must be a whole number from 1 to 64',
  ])
})

const taken = async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { port: String(typeof address === 'object' && address?.port), close: () => server.close() }
}

for (const name of ['PORT', 'METRICS_PORT'] as const)
  test(`a ${name} that is taken ends all, with one line`, async t => {
    const { port, close } = await taken()
    const { code, lines } = await endOf({ [name]: port })
    close()
    t.is(code, 1)
    t.is(lines.length, 1)
    t.like(JSON.parse(lines[0] ?? ''), { level: 'fatal', msg: 'cannot start', err: { code: 'EADDRINUSE' } })
  })

test('a store that does not answer ends all, with one line', async t => {
  const { code, lines } = await endOf({ DATABASE_URL: 'postgres://app:pass@127.0.0.1:1/app' })
  t.is(code, 1)
  t.is(lines.length, 1, lines.join('\n'))
  t.like(JSON.parse(lines[0] ?? ''), { level: 'fatal', msg: 'cannot start', err: { code: 'ECONNREFUSED' } })
})
