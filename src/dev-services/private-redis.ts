import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onFreePort } from '../platform/base/free-port.ts'
import { type Child, type Server, startChild, untilReady } from './child.ts'
import {
  keepSettings,
  openPlace,
  type Place,
  type Purpose,
  readSettings,
  type Settings,
  withSecretFile,
} from './data-dir.ts'
import { probeRedis } from './probe.ts'

/** The lines that every Redis we start is configured by. BullMQ needs `noeviction`. */
export const redisConfig = (password: string, persistent: boolean): string =>
  [
    `requirepass ${password}`,
    'maxmemory-policy noeviction',
    'save ""',
    `appendonly ${persistent ? 'yes' : 'no'}`,
    '',
  ].join('\n')

export const urlOf = (password: string, port: number): string => `redis://:${password}@127.0.0.1:${port}`

// Redis does not lock its folder. Whoever answers to our password on our port is the server before.
const awaitPreviousServer = async ({ port, password }: Settings, data: string): Promise<void> => {
  if (port === undefined) return
  for (const deadline = Date.now() + 10_000; ; await sleep(200)) {
    const answers = await probeRedis(urlOf(password, port)).then(
      () => true,
      () => false,
    )
    if (!answers) return
    if (Date.now() > deadline)
      throw new Error(`Redis on port ${port} still runs on ${data}: end the other start of this checkout`)
  }
}

/** Runs a Redis in its folder, on the wanted port if it is free. `more` are further lines of its configuration. */
export const runRedis = (
  place: Place,
  program: string,
  { port: wanted, password }: Settings,
  more: string[] = [],
): Promise<{ child: Child; port: number }> =>
  onFreePort(wanted, async port => {
    await using starting = new AsyncDisposableStack()
    const lines = [
      'bind 127.0.0.1',
      `port ${port}`,
      'dir ./',
      redisConfig(password, !place.temporary),
      ...more,
    ]
    const child = await withSecretFile(place, 'redis.conf', `${lines.join('\n')}\n`, async configFile => {
      const child = starting.use(
        startChild(
          {
            command: program,
            args: [configFile],
            cwd: place.data,
            runAs: place.runAs,
            stopSignals: ['SIGTERM', 'SIGKILL'],
            remove: place.temporary ? place.base : undefined,
          },
          join(place.base, 'redis.log'),
        ),
      )
      await untilReady('Redis', () => probeRedis(urlOf(password, port)), child)
      return child
    })
    starting.move()
    return { child, port }
  })

/**
 * Starts a Redis of our own on 127.0.0.1: its own port, a made-up password. `dev` keeps data, port and
 * password; `test` keeps nothing.
 */
export const startPrivateRedis = async (purpose: Purpose, program: string): Promise<Server> => {
  await using stack = new AsyncDisposableStack()
  const place = await openPlace(purpose, 'redis')
  if (place.temporary) stack.defer(() => rm(place.base, { recursive: true, force: true }))
  const settings = await readSettings(place, 'redis')
  await awaitPreviousServer(settings, place.data)

  const { child, port } = await runRedis(place, program, settings)
  stack.use(child)
  await keepSettings(place, 'redis', { ...settings, port })
  const kept = stack.move()
  return {
    url: urlOf(settings.password, port),
    how: `private ${basename(program)} on port ${port}, ${place.temporary ? 'thrown away at the end' : `data in ${place.data}`}`,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
