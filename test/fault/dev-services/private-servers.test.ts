import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import anyTest from 'ava'
import { findPostgresPrograms, findRedisProgram } from '../../../src/dev-services/binaries.ts'
import { findServices } from '../../../src/dev-services/find-services.ts'
import { probePostgres, probeRedis } from '../../../src/dev-services/probe.ts'

const env = { ...process.env, LATCHKEY_SERVICES: 'private', DATABASE_URL: '', REDIS_URL: '' }
const installed = findPostgresPrograms(env).length > 0 && findRedisProgram(env) !== undefined
const test = installed ? anyTest : anyTest.skip

const commandLines = (): string =>
  existsSync('/proc/self/cmdline')
    ? globSync('/proc/[0-9]*/cmdline')
        .map(path => (existsSync(path) ? readFileSync(path, 'utf8').replaceAll('\0', ' ') : ''))
        .join('\n')
    : execFileSync('ps', ['-ww', '-A', '-o', 'args'], { encoding: 'utf8' })

const without = (url: string): { bare: string; password: string } => {
  const bare = new URL(url)
  const password = bare.password
  bare.password = ''
  return { bare: bare.href, password }
}

test('private servers require the password, and no command line shows it', async t => {
  await using services = await findServices({ purpose: 'test', env, print: line => t.log(line) })
  const postgres = without(services.databaseUrl)
  const redis = without(services.redisUrl)
  await t.notThrowsAsync(probePostgres(services.databaseUrl))
  await t.notThrowsAsync(probeRedis(services.redisUrl))
  await t.throwsAsync(probePostgres(postgres.bare))
  await t.throwsAsync(probeRedis(redis.bare))
  const shown = commandLines()
  t.true(shown.includes(new URL(postgres.bare).port))
  t.false(shown.includes(postgres.password) || shown.includes(redis.password))
})

const owner = `
  const { findServices } = await import(process.argv[1])
  const services = await findServices({ purpose: 'test', env: process.env, print() {} })
  console.log(JSON.stringify([services.databaseUrl, services.redisUrl]))
  setInterval(() => {}, 1000)
`

const stops = async (probe: () => Promise<void>): Promise<boolean> => {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(100)) {
    const code = await probe().then(
      () => 'up',
      error => error.code ?? error.message,
    )
    if (/ECONNREFUSED|Connection is closed/.test(code)) return true
  }
  return false
}

test('the process that started private servers is killed → the servers stop', async t => {
  const module = fileURLToPath(new URL('../../../src/dev-services/find-services.ts', import.meta.url))
  const child = spawn(process.execPath, ['--input-type=module', '-e', owner, module], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const [databaseUrl, redisUrl] = JSON.parse(line)
  await t.notThrowsAsync(probePostgres(databaseUrl))
  await t.notThrowsAsync(probeRedis(redisUrl))
  child.kill('SIGKILL')
  t.true(await stops(() => probePostgres(databaseUrl)))
  t.true(await stops(() => probeRedis(redisUrl)))
})
