import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { findServices } from '../src/dev-services/find-services.ts'
import { queryOnce } from '../src/dev-services/probe.ts'
import { onFreePort } from '../src/platform/base/free-port.ts'

const source = (name: string): string => fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url))

/** An API process on this machine, over stores that are thrown away. */
export type Instance = AsyncDisposable & { url: string; versions: Record<string, string> }

const untilReady = async (url: string): Promise<void> => {
  for (const deadline = Date.now() + 20_000; ; await sleep(100)) {
    const ready = await fetch(`${url}/readyz`).then(
      reply => reply.ok,
      () => false,
    )
    if (ready) return
    if (Date.now() > deadline) throw new Error('the API did not become ready')
  }
}

const redisVersion = async (url: string): Promise<string> => {
  const redis = new Redis(url)
  const info = await redis.info('server')
  redis.disconnect()
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'
}

/** Finds or starts Postgres and Redis, migrates, and starts one API. `given` is added to its environment. */
export const openInstance = async (given: Record<string, string>): Promise<Instance> => {
  await using stack = new AsyncDisposableStack()
  // Stores that somebody works with are none to measure on.
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...own } = process.env
  const say = (line: string) => process.stderr.write(`${line}\n`)
  const services = stack.use(await findServices({ purpose: 'test', env: own, print: say }))
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
  await untilReady(url)
  const [row] = (await queryOnce(services.databaseUrl, 'SHOW server_version')) as { server_version: string }[]
  const versions = {
    Node: process.versions.node,
    Postgres: row?.server_version ?? 'unknown',
    Redis: await redisVersion(services.redisUrl),
  }
  const kept = stack.move()
  return { url, versions, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
