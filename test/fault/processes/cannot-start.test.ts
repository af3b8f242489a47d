import { once } from 'node:events'
import { createServer } from 'node:net'
import test from 'ava'
import { openLocalWorld } from '../../local-world.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const baseEnv = { API_PROCESSES: '3', NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '' }

const runToExit = async (env: Record<string, string>) => {
  const { child, lines } = world.spawn('api', { ...baseEnv, LOG_LEVEL: 'info', ...env })
  const [code] = await once(child, 'close')
  return { code, lines }
}

test('the configuration is invalid, with three processes → each error is printed once, and exit code 78', async t => {
  const { code, lines } = await runToExit({ APP_SECRET: 'short', PORT: 'x' })
  t.is(code, 78)
  t.deepEqual(lines, [
    'Latchkey cannot start. Correct the configuration:',
    '  APP_SECRET must have at least 32 characters',
    '  PORT must be a whole number from 0 to 65535',
  ])
  t.deepEqual((await runToExit({ API_PROCESSES: '65' })).lines.slice(1), [
    '  API_PROCESSES must be a whole number from 1 to 64',
  ])
})

const takePort = async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { port: String(typeof address === 'object' && address?.port), close: () => server.close() }
}

for (const name of ['PORT', 'METRICS_PORT'] as const)
  test(`${name} is taken → every process exits, and one line is logged`, async t => {
    const { port, close } = await takePort()
    const { code, lines } = await runToExit({ [name]: port })
    close()
    t.is(code, 1)
    t.is(lines.length, 1)
    t.like(JSON.parse(lines[0] ?? ''), { level: 'fatal', msg: 'cannot start', err: { code: 'EADDRINUSE' } })
  })

test('Postgres does not answer at the start → every process exits, and one line is logged', async t => {
  const { code, lines } = await runToExit({ DATABASE_URL: 'postgres://app:pass@127.0.0.1:1/app' })
  t.is(code, 1)
  t.is(lines.length, 1, lines.join('\n'))
  t.like(JSON.parse(lines[0] ?? ''), { level: 'fatal', msg: 'cannot start', err: { code: 'ECONNREFUSED' } })
})
