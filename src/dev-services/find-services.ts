import { aptInstall, canAptInstall } from './apt-install.ts'
import type { Env } from './binaries.ts'
import type { Server } from './child.ts'
import type { Purpose, ServerName } from './data-dir.ts'
import { isDockerReachable } from './docker.ts'
import { installAdvice } from './install-advice.ts'
import { type Source, sources } from './sources.ts'

type Say = (line: string) => void

/** Postgres and Redis, ready. Disposing stops what was started here and touches nothing else. */
export type Services = AsyncDisposable & {
  databaseUrl: string
  redisUrl: string
  /** Where each was found, in words without secrets. */
  how: { postgres: string; redis: string }
}

const names = ['postgres', 'redis'] as const

const forcedWay = (env: Env): 'containers' | 'private' | undefined => {
  const forced = env.LATCHKEY_SERVICES
  if (!forced) return undefined
  if (forced === 'containers' || forced === 'private') return forced
  throw new Error('LATCHKEY_SERVICES must be containers or private')
}

const startContainer = async (source: Source, purpose: Purpose, say: Say): Promise<Server> => {
  const server = await source.fromContainer(purpose)
  if (purpose === 'dev') say(`${source.title} runs in a container: its data is lost when it stops`)
  return server
}

const tryContainer = async (source: Source, purpose: Purpose, say: Say): Promise<Server | null> => {
  try {
    return await startContainer(source, purpose, say)
  } catch (fault) {
    const reason = String(fault instanceof Error ? fault.message : fault).split('\n')[0]
    say(`A Docker engine answers, but ${source.title} does not start there (${reason}): looking elsewhere`)
    return null
  }
}

/** The first way that works; null: none is to be had here. A private server that fails is a fault. */
const find = async (source: Source, purpose: Purpose, env: Env, say: Say, engine: () => Promise<boolean>) => {
  const told = env[source.variable]
  if (told) return { url: told, how: source.variable, async [Symbol.asyncDispose]() {} }
  const fromContainer = async () => ((await engine()) ? tryContainer(source, purpose, say) : null)
  const fromPrograms = async () => source.fromPrograms(purpose, env)
  switch (forcedWay(env)) {
    case 'private':
      return fromPrograms()
    case 'containers':
      if (await engine()) return startContainer(source, purpose, say)
      throw new Error('LATCHKEY_SERVICES=containers, but no Docker engine answers')
  }
  return purpose === 'dev'
    ? ((await fromPrograms()) ?? fromContainer())
    : ((await fromContainer()) ?? fromPrograms())
}

const installMissing = async (missing: ServerName[], say: Say): Promise<void> => {
  if (!canAptInstall()) throw new Error(installAdvice(missing))
  const packages = missing.map(name => sources[name].aptPackage)
  say(`Installing what is missing: apt-get install ${packages.join(' ')}`)
  await aptInstall(packages).catch(fault => {
    throw new Error(`${installAdvice(missing)}\n${fault.message}`)
  })
}

/**
 * Finds Postgres and Redis, or starts them: DATABASE_URL and REDIS_URL if set; then for `dev` private
 * servers from programs on this machine, else containers; for `test` the other way round; else, as root on
 * Debian or Ubuntu, installs what is missing. LATCHKEY_SERVICES=containers|private allows one way only.
 * `say` gets a line for what somebody at the terminal should know. Throws an Error that says what to do.
 */
export const findServices = async (wish: { purpose: Purpose; env: Env; say: Say }): Promise<Services> => {
  const { purpose, env, say } = wish
  await using stack = new AsyncDisposableStack()
  const found: Partial<Record<ServerName, Server>> = {}
  let answer: Promise<boolean> | undefined
  const engine = () => (answer ??= isDockerReachable(env))
  const keep = async (name: ServerName, finding: Promise<Server | null> | null) => {
    const server = await finding
    if (server) found[name] = stack.use(server)
  }
  const all = async (tasks: Promise<void>[]) => {
    const failed = (await Promise.allSettled(tasks)).find(result => result.status === 'rejected')
    if (failed) throw failed.reason
  }

  await all(names.map(name => keep(name, find(sources[name], purpose, env, say, engine))))
  const missing = names.filter(name => !found[name])
  if (missing.length > 0) {
    await installMissing(missing, say)
    await all(missing.map(name => keep(name, sources[name].fromPrograms(purpose, env))))
  }
  const { postgres, redis } = found
  if (!postgres || !redis) throw new Error(installAdvice(names.filter(name => !found[name])))
  const kept = stack.move()
  return {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    how: { postgres: postgres.how, redis: redis.how },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
