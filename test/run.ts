import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { findServices, type Services } from '../src/local/find-services.ts'
import { readAvaOutput, type Tally } from './ava-output.ts'
import { prepareTemplate } from './template.ts'

// `npm test [-- files]`: finds Postgres and Redis, runs AVA against them, stops what it started, and ends
// with one line that says how many tests passed and failed.

const ava = fileURLToPath(new URL('../node_modules/ava/entrypoints/cli.js', import.meta.url))

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

let running: ChildProcess | undefined
let interrupted = false
const interrupt = (): void => {
  interrupted = true
  running?.kill('SIGTERM')
}
process.on('SIGINT', interrupt).on('SIGTERM', interrupt)

// The tests are told of servers for tests alone: DATABASE_URL and REDIS_URL of the shell stop here.
const runAva = async (services: Services, files: string[]): Promise<Tally> => {
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...env } = process.env
  const concurrency = Math.min(8, 3 * availableParallelism())
  running = spawn(process.execPath, [ava, `--concurrency=${concurrency}`, ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...env,
      TEST_DATABASE_URL: services.databaseUrl,
      TEST_REDIS_URL: services.redisUrl,
      FORCE_COLOR: '0',
      TERM: 'dumb',
      // A process for each file loads the same modules.
      NODE_COMPILE_CACHE: fileURLToPath(new URL('../.latchkey/compiled', import.meta.url)),
    },
  })
  const ended = once(running, 'exit')
  if (!running.stdout) throw new Error('AVA has no output')
  const tally = await readAvaOutput(running.stdout, say)
  const [code, signal] = await ended
  if (code === 0 || tally.failed > 0) return tally
  say(`AVA itself failed: ${signal ?? `exit code ${code}`}`)
  return { ...tally, failed: 1 }
}

const main = async (files: string[]): Promise<Tally> => {
  await using services = await findServices({ purpose: 'test', env: process.env, say })
  say(`Postgres: ${services.how.postgres}\nRedis: ${services.how.redis}`)
  await prepareTemplate(services.databaseUrl, services.redisUrl)
  if (interrupted) throw new Error('Interrupted')
  return await runAva(services, files)
}

const tally = await main(process.argv.slice(2)).catch((fault: Error): Tally => {
  say(fault.message)
  return { passed: 0, failed: 1, skipped: 0 }
})
if (tally.skipped > 0) say(`${tally.skipped} skipped`)
say(`${tally.passed} passed, ${tally.failed} failed`)
process.exitCode = tally.failed > 0 || tally.passed === 0 || interrupted ? 1 : 0
