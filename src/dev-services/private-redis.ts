import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onFreePort } from '../platform/base/free-port.ts'
import {
  type DataDir,
  openDataDir,
  type Purpose,
  readSettings,
  type Settings,
  saveSettings,
  withSecretFile,
} from './data-dir.ts'
import { probeRedis } from './probe.ts'
import { type Server, type ServerProcess, startServerProcess, untilServerReady } from './server-process.ts'

/** The configuration of every Redis that is started here. BullMQ needs `noeviction`. */
export const redisConfig = (password: string, persistent: boolean): string =>
  [
    `requirepass ${password}`,
    'maxmemory-policy noeviction',
    'save ""',
    `appendonly ${persistent ? 'yes' : 'no'}`,
    '',
  ].join('\n')

/** The URL of a Redis on this machine. */
export const urlOf = (password: string, port: number): string => `redis://:${password}@127.0.0.1:${port}`

// Redis does not lock its data folder. A server that accepts the saved password on the saved port is the previous one,
// and two servers must not write the same files.
const awaitPreviousServer = async ({ port, password }: Settings, data: string): Promise<void> => {
  if (port === undefined) return
  for (const deadline = Date.now() + 10_000; ; await sleep(200)) {
    const answers = await probeRedis(urlOf(password, port)).then(
      () => true,
      () => false,
    )
    if (!answers) return
    if (Date.now() > deadline)
      throw new Error(
        `Redis on port ${port} still uses ${data}. Stop the other "npm start" of this checkout first.`,
      )
  }
}

/** Runs a Redis in its folder, on the wanted port if that is free. `extraConfig` are further lines of its configuration. */
export const runRedis = (
  dataDir: DataDir,
  program: string,
  { port: wanted, password }: Settings,
  extraConfig: string[] = [],
): Promise<{ child: ServerProcess; port: number }> =>
  onFreePort(wanted, async port => {
    await using starting = new AsyncDisposableStack()
    const lines = [
      'bind 127.0.0.1',
      `port ${port}`,
      'dir ./',
      redisConfig(password, !dataDir.temporary),
      ...extraConfig,
    ]
    const child = await withSecretFile(dataDir, 'redis.conf', `${lines.join('\n')}\n`, async configFile => {
      const child = starting.use(
        startServerProcess(
          {
            command: program,
            args: [configFile],
            cwd: dataDir.path,
            runAs: dataDir.runAs,
            stopSignals: ['SIGTERM', 'SIGKILL'],
            remove: dataDir.temporary ? dataDir.base : undefined,
          },
          join(dataDir.base, 'redis.log'),
        ),
      )
      await untilServerReady('Redis', () => probeRedis(urlOf(password, port)), child)
      return child
    })
    starting.move()
    return { child, port }
  })

/**
 * Starts a private Redis on 127.0.0.1 with a free port and a generated password. `dev` keeps data, port and password for
 * the next start; `test` removes them.
 */
export const startPrivateRedis = async (purpose: Purpose, program: string): Promise<Server> => {
  await using stack = new AsyncDisposableStack()
  const dataDir = await openDataDir(purpose, 'redis')
  if (dataDir.temporary) stack.defer(() => rm(dataDir.base, { recursive: true, force: true }))
  const settings = await readSettings(dataDir, 'redis')
  await awaitPreviousServer(settings, dataDir.path)

  const { child, port } = await runRedis(dataDir, program, settings)
  stack.use(child)
  await saveSettings(dataDir, 'redis', { ...settings, port })
  const resources = stack.move()
  return {
    url: urlOf(settings.password, port),
    description: `private ${basename(program)} on port ${port}, ${dataDir.temporary ? 'removed at the end' : `data in ${dataDir.path}`}`,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
