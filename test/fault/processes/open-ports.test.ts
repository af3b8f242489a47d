import { networkInterfaces } from 'node:os'
import test from 'ava'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'

// Which ports a process opens to other machines, and what it warns about.

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const startTimeoutMs = 50_000

/** Starts a process of the service. Returns what it has logged at `warn` since its start. */
const started = async (name: 'api' | 'worker', env: Record<string, string>) => {
  const { child, lines } = world.spawn(name, { API_PROCESSES: '1', ...env })
  const ready = name === 'api' ? '"listening"' : 'waiting for emails'
  const line = await until(
    `the ${name} to be ready`,
    () => lines.find(each => each.includes(ready)),
    startTimeoutMs,
  )
  const warnings = () =>
    lines
      .filter(each => each.includes('"level":"warn"'))
      .map(each => String(JSON.parse(each).msg))
      // On a busy machine the first connections to the stores may be slow, which is logged as well.
      .filter(text => /^(?:X-Forwarded-For|HOST|METRICS_HOST) /.test(text))
  return { child, warnings, port: JSON.parse(line).port as number }
}

test.serial('HOST is public outside production, with two processes → the API warns once', async t => {
  const { warnings } = await started('api', { HOST: '0.0.0.0', API_PROCESSES: '2' })
  t.is(warnings().length, 1)
  t.regex(warnings()[0] ?? '', /^HOST lets other machines connect, but NODE_ENV is test/)
})

test.serial('HOST is public in production, or local outside production → no warning', async t => {
  const production = {
    ...{ NODE_ENV: 'production', HOST: '0.0.0.0', BCRYPT_COST: '10' },
    ...{ RATE_LIMITS: '', PUBLIC_URL: 'https://id.example.com' },
  }
  for (const env of [production, { HOST: '127.0.0.1' }])
    t.deepEqual((await started('api', env)).warnings(), [])
})

test.serial(
  'X-Forwarded-For arrives while TRUSTED_PROXIES is 0 → one warning for any number of requests',
  async t => {
    const forwarded = { headers: { 'X-Forwarded-For': '192.0.2.7' } }
    const misconfigured = await started('api', {})
    const ask = (port: number, how = {}) => fetch(`http://127.0.0.1:${port}/livez`, how)
    await ask(misconfigured.port)
    t.deepEqual(misconfigured.warnings(), [])
    for (let i = 0; i < 3; i++) await ask(misconfigured.port, forwarded)
    await until('the warning', () => misconfigured.warnings().length > 0)
    t.is(misconfigured.warnings().length, 1)
    t.regex(misconfigured.warnings()[0] ?? '', /^X-Forwarded-For arrives while TRUSTED_PROXIES is 0/)

    const right = await started('api', { TRUSTED_PROXIES: '1' })
    await ask(right.port, forwarded)
    t.deepEqual(right.warnings(), [])
  },
)

const own = Object.values(networkInterfaces())
  .flat()
  .find(each => each && !each.internal && each.family === 'IPv4')?.address

const aPort = (): Promise<number> => onFreePort(undefined, async port => port)

const answers = (host: string, port: number): Promise<boolean> =>
  fetch(`http://${host}:${port}/metrics`).then(
    ({ ok }) => ok,
    () => false,
  )

for (const name of ['api', 'worker'] as const)
  test.serial(
    `the ${name} listens on every address, METRICS_HOST is unset → /metrics answers on 127.0.0.1 only`,
    async t => {
      const [port, another] = [await aPort(), await aPort()]
      const closed = await started(name, { HOST: '0.0.0.0', METRICS_PORT: String(port) })
      t.true(await answers('127.0.0.1', port))
      // Another address of this machine, as other machines would use it. On Linux 127.0.0.2 is one.
      const other = own ?? '127.0.0.2'
      t.false(await answers(other, port))
      t.false(closed.warnings().some(text => text.startsWith('METRICS_HOST')))

      const open = await started(name, { METRICS_HOST: '0.0.0.0', METRICS_PORT: String(another) })
      t.true(await answers(other, another))
      t.deepEqual(
        open.warnings().map(text => text.split(' ')[0]),
        ['METRICS_HOST'],
      )
    },
  )
