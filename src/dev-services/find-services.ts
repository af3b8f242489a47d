import { aptInstall, canAptInstall } from './apt-install.ts'
import type { Env } from './binaries.ts'
import type { Purpose, ServerName } from './data-dir.ts'
import { isDockerReachable } from './docker.ts'
import { installAdvice } from './install-advice.ts'
import type { Server } from './server-process.ts'
import { type Source, sources } from './sources.ts'

type Print = (line: string) => void

/** Postgres and Redis, ready to use. Disposing stops the servers that were started here, and no others. */
export type Services = AsyncDisposable & {
  databaseUrl: string
  redisUrl: string
  /** Where each was found, without secrets. */
  description: { postgres: string; redis: string }
}

const names = ['postgres', 'redis'] as const

/** The only source that LATCHKEY_SERVICES allows; undefined if it is not set. */
const forcedSource = (env: Env): 'containers' | 'private' | undefined => {
  const forced = env.LATCHKEY_SERVICES
  if (!forced) return undefined
  if (forced === 'containers' || forced === 'private') return forced
  throw new Error('LATCHKEY_SERVICES must be "containers" or "private".')
}

const startContainer = async (source: Source, purpose: Purpose, print: Print): Promise<Server> => {
  const server = await source.fromContainer(purpose)
  if (purpose === 'dev') print(`${source.title} runs in a container. Its data is lost when it stops.`)
  return server
}

const tryContainer = async (source: Source, purpose: Purpose, print: Print): Promise<Server | null> => {
  try {
    return await startContainer(source, purpose, print)
  } catch (error) {
    const [reason] = String(error instanceof Error ? error.message : error).split('\n')
    print(`Docker cannot start ${source.title} (${reason}). Looking for installed programs instead.`)
    return null
  }
}

type Options = { purpose: Purpose; env: Env; print: Print }

/** Tries the sources of one server in order; null if none is available. An error of a private server is thrown. */
const findServer = async (
  source: Source,
  { purpose, env, print }: Options,
  hasDocker: () => Promise<boolean>,
): Promise<Server | null> => {
  const url = env[source.variable]
  if (url) return { url, description: source.variable, async [Symbol.asyncDispose]() {} }
  const fromContainer = async () => ((await hasDocker()) ? tryContainer(source, purpose, print) : null)
  const fromPrograms = async () => source.fromPrograms(purpose, env)
  switch (forcedSource(env)) {
    case 'private':
      return fromPrograms()
    case 'containers':
      if (await hasDocker()) return startContainer(source, purpose, print)
      throw new Error('LATCHKEY_SERVICES is "containers", but Docker does not answer. Start Docker.')
  }
  return purpose === 'dev'
    ? ((await fromPrograms()) ?? fromContainer())
    : ((await fromContainer()) ?? fromPrograms())
}

const installMissing = async (missing: ServerName[], print: Print): Promise<void> => {
  if (!canAptInstall()) throw new Error(installAdvice(missing))
  const packages = missing.map(name => sources[name].aptPackage)
  print(`Installing missing packages: apt-get install ${packages.join(' ')}`)
  await aptInstall(packages).catch(error => {
    throw new Error(`${installAdvice(missing)}\n${error.message}`)
  })
}

/**
 * Finds or starts Postgres and Redis, from the first source that works:
 *
 * 1. DATABASE_URL and REDIS_URL, if set.
 * 2. For `dev`, private servers from installed programs, else containers. For `test`, the other way round.
 *    LATCHKEY_SERVICES=containers|private allows one of the two only.
 * 3. For root on Debian or Ubuntu, private servers from packages that are installed now.
 *
 * `print` gets a line for each event that the user should know. Throws an Error that says what to do.
 */
export const findServices = async (options: Options): Promise<Services> => {
  const { purpose, env, print } = options
  await using stack = new AsyncDisposableStack()
  const found: Partial<Record<ServerName, Server>> = {}
  let dockerAnswer: Promise<boolean> | undefined
  const hasDocker = () => (dockerAnswer ??= isDockerReachable(env))
  const keep = async (name: ServerName, finding: Promise<Server | null> | null) => {
    const server = await finding
    if (server) found[name] = stack.use(server)
  }
  // All tasks settle before an error is thrown, so that every server that was started is stopped again.
  const all = async (tasks: Promise<void>[]) => {
    const failed = (await Promise.allSettled(tasks)).find(result => result.status === 'rejected')
    if (failed) throw failed.reason
  }

  await all(names.map(name => keep(name, findServer(sources[name], options, hasDocker))))
  const missing = names.filter(name => !found[name])
  if (missing.length > 0) {
    await installMissing(missing, print)
    await all(missing.map(name => keep(name, sources[name].fromPrograms(purpose, env))))
  }
  const { postgres, redis } = found
  if (!postgres || !redis) throw new Error(installAdvice(names.filter(name => !found[name])))
  const resources = stack.move()
  return {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    description: { postgres: postgres.description, redis: redis.description },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
