import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable, readdir, readFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findRedisProgram } from '../src/local/binaries.ts'
import type { Server } from '../src/local/child.ts'
import { findServices, type Services } from '../src/local/find-services.ts'
import { readAvaOutput, type Tally } from './ava-output.ts'
import { crossSlotErrors } from './cross-slots.ts'
import { startPrivateCluster } from './private-cluster.ts'
import { prepareTemplate } from './template.ts'

// `npm test [-- files]`: finds Postgres and Redis, runs AVA against them, stops what it started, and ends
// with one line that says how many tests passed and failed. `LATCHKEY_REDIS=cluster` runs them over a Redis Cluster.

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

const findCluster = async (): Promise<Server | null> => {
  const wish = process.env.LATCHKEY_REDIS
  if (!wish || wish === 'single') return null
  if (wish !== 'cluster') throw new Error('LATCHKEY_REDIS must be single or cluster')
  const program = findRedisProgram(process.env)
  if (!program) throw new Error('LATCHKEY_REDIS=cluster needs redis-server 7 or newer on this machine')
  return startPrivateCluster(program)
}

// What the app of a failed test file warned of is often why.
const tellWarnings = async (folder: string, failures: readonly string[]): Promise<void> => {
  for (const file of await readdir(folder)) {
    // AVA does not name the file where there is one alone.
    if (!failures.some(line => line.includes(`: ${file} › `) || !line.includes(' › '))) continue
    say(`\n${file} logged:\n${await readFile(join(folder, file), 'utf8')}`)
  }
}

// The tests are told of servers for tests alone: DATABASE_URL and REDIS_URL of the shell stop here. What is about a
// single Redis that fails, or its wire, has one also where all else runs over a cluster.
const runAva = async (services: Services, redisUrl: string, files: string[]): Promise<Tally> => {
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...env } = process.env
  await using warnings = await mkdtempDisposable(join(tmpdir(), 'latchkey-warnings-'))
  const failures: string[] = []
  const concurrency = Math.min(8, 3 * availableParallelism())
  running = spawn(process.execPath, [ava, `--concurrency=${concurrency}`, ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...env,
      TEST_DATABASE_URL: services.databaseUrl,
      TEST_REDIS_URL: redisUrl,
      TEST_REDIS_SINGLE_URL: services.redisUrl,
      TEST_WARNINGS: warnings.path,
      FORCE_COLOR: '0',
      TERM: 'dumb',
      // A process for each file loads the same modules.
      NODE_COMPILE_CACHE: fileURLToPath(new URL('../.latchkey/compiled', import.meta.url)),
    },
  })
  const ended = once(running, 'exit')
  if (!running.stdout) throw new Error('AVA has no output')
  const tally = await readAvaOutput(running.stdout, line => {
    if (/^ *[✘◌] /.test(line)) failures.push(line)
    say(line)
  })
  const [code, signal] = await ended
  await tellWarnings(warnings.path, failures)
  if (code === 0 || tally.failed > 0) return tally
  say(`AVA itself failed: ${signal ?? `exit code ${code}`}`)
  return { ...tally, failed: 1 }
}

const main = async (files: string[]): Promise<Tally> => {
  await using services = await findServices({ purpose: 'test', env: process.env, say })
  await using cluster = await findCluster()
  say(`Postgres: ${services.how.postgres}\nRedis: ${services.how.redis}`)
  if (cluster) say(`Redis Cluster: ${cluster.how}`)
  await prepareTemplate(services.databaseUrl)
  if (interrupted) throw new Error('Interrupted')
  const tally = await runAva(services, cluster?.url ?? services.redisUrl, files)
  const crossed = cluster ? await crossSlotErrors(cluster.url) : 0
  if (crossed === 0) return tally
  say(`A cluster refused ${crossed} commands: their keys lie in different slots (CROSSSLOT)`)
  return { ...tally, failed: tally.failed + 1 }
}

const tally = await main(process.argv.slice(2)).catch((fault: Error): Tally => {
  say(fault.message)
  return { passed: 0, failed: 1, skipped: 0 }
})
if (tally.skipped > 0) say(`${tally.skipped} skipped`)
say(`${tally.passed} passed, ${tally.failed} failed`)
process.exitCode = tally.failed > 0 || tally.passed === 0 || interrupted ? 1 : 0
