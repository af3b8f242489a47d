import { open } from '../src/open.ts'
import { openLog } from '../src/platform/base/log.ts'
import type { Timeouts } from '../src/platform/config/timeouts.ts'
import { startApi } from '../src/processes/api/server.ts'
import { openClient, type Reply } from './client.ts'
import { generousTimeouts, type LocalInstance, type LocalWorld } from './local-world.ts'
import { openProxy, type TcpProxy } from './proxy.ts'

/** An instance of the API with a proxy in front of Redis and of Postgres, so that a test can break the connections. */
export type ProxiedInstance = Omit<LocalInstance, 'warm'> &
  AsyncDisposable & { redis: TcpProxy; postgres: TcpProxy }

const openProxyTo = async (url: string, port: string): Promise<{ proxy: TcpProxy; url: string }> => {
  if (url.includes(','))
    throw new Error('A proxy serves one server: use openLocalWorld({ singleRedis: true })')
  const target = new URL(url)
  const proxy = await openProxy(target.hostname, Number(target.port || port))
  return { proxy, url: proxy.through(url) }
}

/**
 * Opens another instance of the API over the stores of a world, each through a proxy. The world itself connects directly,
 * so that a test can inspect the stores during a fault. The default timeouts are generous, because the proxies run in
 * this process and a busy machine would otherwise look like a fault.
 */
export const openProxiedInstance = async (
  { config, clock, logs }: LocalWorld,
  prepare: (proxies: { redis: TcpProxy; postgres: TcpProxy }) => void = () => {},
  timeouts: Timeouts = generousTimeouts,
): Promise<ProxiedInstance> => {
  await using opened = new AsyncDisposableStack()
  const redis = await openProxyTo(config.REDIS_URL, '6379')
  opened.use(redis.proxy)
  const postgres = await openProxyTo(config.DATABASE_URL, '5432')
  opened.use(postgres.proxy)
  prepare({ redis: redis.proxy, postgres: postgres.proxy })

  const log = openLog('proxied', config.LOG_LEVEL, { write: line => logs.push(line) })
  const own = { ...config, REDIS_URL: redis.url, DATABASE_URL: postgres.url }
  const deps = opened.use(await open(own, log, clock, timeouts))
  const api = await startApi(deps, { graceMs: 0 })
  opened.defer(api.close)
  // A connection that is still cut or paused would prevent the stores from closing.
  opened.defer(() => {
    redis.proxy.heal()
    postgres.proxy.heal()
  })
  const url = `http://127.0.0.1:${api.port}`
  const all = opened.move()
  return {
    ...{ url, deps, client: openClient(url), redis: redis.proxy, postgres: postgres.proxy },
    close: () => all.disposeAsync(),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Returns a reply and how long it took, in milliseconds. */
export const timed = async (pending: Promise<Reply>): Promise<{ reply: Reply; took: number }> => {
  const began = performance.now()
  return { reply: await pending, took: performance.now() - began }
}

/** Whether a request gets a 200 within 400 ms, far below a store timeout. Tries three times, for a busy machine. */
export const repliesQuickly = async (send: () => Promise<Reply>): Promise<boolean> => {
  for (let i = 0; i < 3; i++) {
    const { reply, took } = await timed(send())
    if (reply.status !== 200) return false
    if (took < 400) return true
  }
  return false
}
