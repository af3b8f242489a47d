import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findServices } from '../src/dev-services/find-services.ts'
import { untilReady } from '../src/dev-services/until-ready.ts'
import { onFreePort } from '../src/platform/base/free-port.ts'
import { versionsOf } from './versions.ts'

const source = (name: string): string => fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url))

/** An API process on this machine with temporary stores. */
export type Instance = AsyncDisposable & { url: string; versions: Record<string, string> }

const startTimeoutMs = 20_000

/** Starts Postgres, Redis and one API, with a migrated database. `given` is added to its environment. */
export const openInstance = async (given: Record<string, string>): Promise<Instance> => {
  await using stack = new AsyncDisposableStack()
  // Measure on temporary stores, not on the stores of a developer.
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...own } = process.env
  const print = (line: string) => process.stderr.write(`${line}\n`)
  const services = stack.use(await findServices({ purpose: 'test', env: own, print }))
  const port = await onFreePort(undefined, async free => String(free))
  const url = `http://127.0.0.1:${port}`
  const env = {
    PATH: process.env.PATH,
    NODE_ENV: 'development',
    DATABASE_URL: services.databaseUrl,
    REDIS_URL: services.redisUrl,
    APP_SECRET: randomBytes(32).toString('base64'),
    PUBLIC_URL: url,
    PORT: port,
    LOG_LEVEL: 'error',
    ...given,
  }
  await promisify(execFile)(process.execPath, [source('migrate')], { env })
  const api = spawn(process.execPath, [source('api')], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  stack.defer(async () => {
    if (api.exitCode !== null || api.signalCode !== null) return
    api.kill('SIGTERM')
    await once(api, 'exit')
  })
  const probe = async () => {
    if (!(await fetch(`${url}/readyz`)).ok) throw new Error('the API is not ready')
  }
  const isRunning = () => api.exitCode === null && api.signalCode === null
  if (!(await untilReady(probe, { isRunning, timeoutMs: startTimeoutMs })))
    throw new Error('the API exited before it was ready')
  const versions = await versionsOf(services.databaseUrl, services.redisUrl)
  const kept = stack.move()
  return { url, versions, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
