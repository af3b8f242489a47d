import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable, readdir, readFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { aptInstall, canAptInstall } from '../src/dev-services/apt-install.ts'
import { findRedisProgram } from '../src/dev-services/binaries.ts'
import { findServices, type Services } from '../src/dev-services/find-services.ts'
import type { Server } from '../src/dev-services/server-process.ts'
import { sources } from '../src/dev-services/sources.ts'
import { type Counts, type Failure, readAvaOutput } from './ava-output.ts'
import { provideChromium } from './chromium.ts'
import { crossSlotErrors } from './cross-slots.ts'
import { removeShellVariables, testEnvironment, testServers } from './environment.ts'
import type { FileEnd } from './file-times.ts'
import { startHosts } from './hosts.ts'
import { layers, type Pass } from './layers.ts'
import { providePgBouncer } from './pgbouncer.ts'
import { startPrivateCluster } from './private-cluster.ts'
import { openProgress, slowest } from './progress.ts'
import { measureSlowness } from './slowness.ts'
import { prepareTemplate } from './template.ts'

// `node test/run.ts [layer | files]`: finds Postgres and Redis, runs AVA against them, stops what it started, and ends
// with one line that says how many tests passed and failed. `LATCHKEY_REDIS=cluster` runs files over a Redis Cluster.

type Servers = Pick<Services, 'databaseUrl' | 'redisUrl'> & { template: string }

type Result = Counts & { failures: Failure[]; ends: FileEnd[] }

const none: Result = { passed: 0, failed: 0, skipped: 0, failures: [], ends: [] }

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
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)

const addResults = (a: Result, b: Result): Result => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
  failures: [...a.failures, ...b.failures],
  ends: [...a.ends, ...b.ends],
})

// The warnings that the service logged during a failed test file often show the cause.
const printWarnings = async (folder: string, failures: readonly Failure[]): Promise<void> => {
  for (const file of await readdir(folder)) {
    // AVA omits the folders that all files share, and the name of the file if it is the only one.
    const isOf = ({ name }: Failure) =>
      ` › ${file} › `.includes(` › ${name.split(' › ').slice(0, -1).join(' › ')}`)
    if (!failures.some(isOf)) continue
    say(`\n${file} logged:\n${await readFile(join(folder, file), 'utf8')}`)
  }
}

/** Runs AVA over files, with these variables in addition to those of all tests. */
const runAva = async (
  { files, atOnce = Math.min(8, 3 * availableParallelism()) }: Pass,
  slowness: number,
  moreEnv: NodeJS.ProcessEnv,
): Promise<Result> => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'latchkey-tests-'))
  await using warnings = await mkdtempDisposable(join(tmpdir(), 'latchkey-warnings-'))
  const ends = join(folder.path, 'ends')
  const progress = openProgress(ends, say)
  const options = [`--concurrency=${atOnce}`, `--timeout=${Math.round(60 * slowness)}s`]
  running = spawn(process.execPath, [ava, ...options, ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...testEnvironment(process.env),
      TEST_SLOWNESS: String(slowness),
      TEST_WARNINGS: warnings.path,
      TEST_ENDS: ends,
      ...moreEnv,
    },
  })
  const ended = once(running, 'exit')
  if (!running.stdout) throw new Error('AVA has no output')
  const polling = setInterval(() => void progress.poll(), 500)
  const result = await readAvaOutput(running.stdout, { say, passed: progress.passed })
  clearInterval(polling)
  const [code, signal] = await ended
  const all = { ...result, ends: await progress.end() }
  await printWarnings(warnings.path, all.failures)
  if (code === 0 || all.failed > 0) return all
  say(`AVA itself failed: ${signal ?? `exit code ${code}`}`)
  return { ...all, failed: 1 }
}

const startCluster = async (): Promise<Server | null> => {
  if (!findRedisProgram(process.env) && canAptInstall()) await aptInstall([sources.redis.aptPackage])
  const program = findRedisProgram(process.env)
  return program ? startPrivateCluster(program) : null
}

const runPass = async (pass: Pass, services: Servers, slowness: number): Promise<Result> => {
  const skipped = pass.browser ? await provideChromium() : null
  if (skipped !== null) {
    say(skipped)
    const files = pass.files.filter(file => !file.startsWith('test/browser/'))
    const others =
      files.length > 0 ? await runPass({ ...pass, files, browser: false }, services, slowness) : none
    return { ...others, skipped: others.skipped + 1 }
  }
  await using cluster = pass.cluster ? await startCluster() : null
  if (pass.cluster && !cluster) {
    say('Skipped the tests over a Redis Cluster: redis-server is not installed')
    return { ...none, skipped: 1 }
  }
  if (cluster) say(`Redis Cluster: ${cluster.description}`)
  if (pass.files.some(file => /test\/fault\/(?:\*|postgres\.pooled)/.test(file))) await providePgBouncer(say)
  const env = {
    TEST_DATABASE_URL: services.databaseUrl,
    TEST_REDIS_URL: cluster?.url ?? services.redisUrl,
    TEST_REDIS_SINGLE_URL: services.redisUrl,
    TEST_TEMPLATE: services.template,
  }
  const hosts = await startHosts({
    ...testEnvironment(process.env),
    TEST_SLOWNESS: String(slowness),
    ...env,
  })
  let result = none
  try {
    // A signal that arrived while the hosts started was not passed to AVA.
    if (!interrupted) result = await runAva(pass, slowness, { ...env, TEST_HOSTS: hosts.urls })
  } finally {
    result = withFailures(result, await hosts.end())
  }
  const crossSlotCount = cluster ? await crossSlotErrors(cluster.url) : 0
  const refused = `The Redis Cluster refused ${crossSlotCount} commands: their keys lie in different slots (CROSSSLOT)`
  return withFailures(result, crossSlotCount > 0 ? [refused] : [])
}

/** Prints these failures and adds them to the result. */
const withFailures = (result: Result, faults: string[]): Result => {
  for (const fault of faults) say(fault)
  return { ...result, failed: result.failed + faults.length }
}

const failedRun = (error: unknown): Result => {
  say(error instanceof Error ? `${error.stack}${error.cause ? `\n${error.cause}` : ''}` : String(error))
  return { ...none, failed: 1 }
}

const passesOf = (words: readonly string[]): Pass[] => {
  const [layer = 'quick'] = words
  const passes = words.length > 1 ? undefined : layers[layer]
  if (passes) return passes
  const requested = process.env.LATCHKEY_REDIS
  if (requested && requested !== 'single' && requested !== 'cluster')
    throw new Error('LATCHKEY_REDIS must be single or cluster')
  const [breaksServers] = layers.fault ?? []
  const atOnce = words.every(word => /test\/(?:fault|cluster)\b/.test(word))
    ? breaksServers?.atOnce
    : undefined
  const isBrowser = words.every(word => /test\/browser\b/.test(word))
  return [
    {
      ...{ files: [...words], cluster: requested === 'cluster' },
      ...(isBrowser && { browser: true, atOnce: 1 }),
      ...(atOnce && { atOnce }),
    },
  ]
}

const main = async (words: readonly string[]): Promise<Result> => {
  const passes = passesOf(words)
  const slowness = measureSlowness()
  if (slowness > 1) say(`This machine is slower than expected: timeouts are multiplied by ${slowness}`)
  if (passes.every(({ alone }) => alone))
    return (await Promise.all(passes.map(pass => runAva(pass, slowness, {})))).reduce(addResults)
  const servers = testServers(process.env)
  removeShellVariables()
  await using services = await findServices({ purpose: 'test', env: servers, print: say })
  const how = (words: string) => words.replace(/^(?:DATABASE|REDIS)_URL$/, 'TEST_$&')
  say(`Postgres: ${how(services.description.postgres)}\nRedis: ${how(services.description.redis)}`)
  await using template = await prepareTemplate(services.databaseUrl)
  let result = none
  for (const pass of passes) {
    if (interrupted) break
    result = addResults(
      result,
      await runPass(pass, { ...services, template: template.name }, slowness).catch(failedRun),
    )
  }
  return result
}

const result = await main(process.argv.slice(2)).catch(failedRun)
if (interrupted) say('Interrupted')
if (result.ends.length > 10) say(['', 'The slowest files:', ...slowest(result.ends), ''].join('\n'))
if (result.failures.length > 0) say('Failed tests, by cause:')
for (const { name, cause } of result.failures) say(`  ${cause.padEnd(11)}  ${name}`)
if (result.skipped > 0) say(`${result.skipped} skipped`)
say(`${result.passed} passed, ${result.failed} failed`)
process.exitCode = result.failed > 0 || result.passed === 0 || interrupted ? 1 : 0
