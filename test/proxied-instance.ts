import { open } from '../src/deps.ts'
import { openLog } from '../src/platform/base/log.ts'
import type { Timeouts } from '../src/platform/config/timeouts.ts'
import { startApi } from '../src/processes/api/server.ts'
import { openClient, type Reply } from './client.ts'
import { ample, type LocalInstance, type LocalWorld } from './local-world.ts'
import { openProxy, type TcpProxy } from './proxy.ts'

/** An instance of the API whose way to a store can fail. */
export type ProxiedInstance = Omit<LocalInstance, 'warm'> &
  AsyncDisposable & { redis: TcpProxy; postgres: TcpProxy }

const proxied = async (url: string, port: string): Promise<{ proxy: TcpProxy; url: string }> => {
  if (url.includes(',')) throw new Error('One proxy for one server: openLocalWorld({ singleRedis: true })')
  const target = new URL(url)
  const proxy = await openProxy(target.hostname, Number(target.port || port))
  return { proxy, url: proxy.through(url) }
}

/**
 * Another instance of the API over the stores of a world, each behind a proxy. The world itself reaches them
 * directly, so a test can look at what a fault has left. What passes a proxy waits for this process too: with the timeouts
 * of a service a machine that is busy would be a fault of its own.
 */
export const openProxiedInstance = async (
  { config, clock, logs }: LocalWorld,
  prepare: (proxies: { redis: TcpProxy; postgres: TcpProxy }) => void = () => {},
  within: Timeouts = ample,
): Promise<ProxiedInstance> => {
  await using opened = new AsyncDisposableStack()
  const redis = await proxied(config.REDIS_URL, '6379')
  opened.use(redis.proxy)
  const postgres = await proxied(config.DATABASE_URL, '5432')
  opened.use(postgres.proxy)
  prepare({ redis: redis.proxy, postgres: postgres.proxy })

  const log = openLog('behind', config.LOG_LEVEL, { write: line => logs.push(line) })
  const own = { ...config, REDIS_URL: redis.url, DATABASE_URL: postgres.url }
  const deps = opened.use(await open(own, log, clock, within))
  const api = await startApi(deps, { grace: 0 })
  opened.defer(api.close)
  // What is still cut or held would keep the stores from being closed.
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

/** How long an answer took, in milliseconds, beside the answer. */
export const timed = async (asking: Promise<Reply>): Promise<{ reply: Reply; took: number }> => {
  const began = performance.now()
  return { reply: await asking, took: performance.now() - began }
}

/** Whether this is answered well sooner than a store would be waited for: at one of three times, for a machine that is busy. */
export const repliesQuickly = async (ask: () => Promise<Reply>): Promise<boolean> => {
  for (let i = 0; i < 3; i++) {
    const { reply, took } = await timed(ask())
    if (reply.status !== 200) return false
    if (took < 400) return true
  }
  return false
}
