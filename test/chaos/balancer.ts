import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

// A reverse proxy like those in front of real instances: it keeps connections open, asks `/readyz` of each instance, and
// sends requests to the ready ones in turn. It sends a request again only where the first instance never got it: sent
// twice, the request might take effect twice.

const checkEveryMs = 200
const checkTimeoutMs = 2500

/** `degraded`: it answers, but a store of it is down. `away`: it is draining, or does not answer. */
type State = 'ready' | 'degraded' | 'away'
type Instance = { url: string; state: State; agent: Agent }

export type Balancer = AsyncDisposable & {
  url: string
  /** Replaces the list of instances. A new one gets requests once it is ready. */
  setInstances: (urls: string[]) => void
  /** The instances that were ready at the last check. */
  ready: () => string[]
  /** Errors on the way to instances, also those that a second instance made up for. */
  errors: string[]
}

/** Headers that belong to one connection only (RFC 9110, section 7.6.1). */
const hopByHop = ['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade']

const endToEnd = (headers: IncomingMessage['headers']) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.includes(name)))

const stateOf = async (url: string): Promise<State> => {
  try {
    const reply = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(checkTimeoutMs) })
    const { status } = (await reply.json()) as { status: string }
    return status === 'ready' ? 'ready' : status === 'not_ready' ? 'degraded' : 'away'
  } catch {
    return 'away'
  }
}

const setState = (instance: Instance, state: State): void => {
  instance.state = state
  if (state !== 'away') return
  // The instance is about to close its connections, and a request might be on its way then.
  for (const socket of Object.values(instance.agent.freeSockets).flat()) socket?.destroy()
}

/** Ready instances first, and among equals the next in turn. */
const candidates = (instances: Instance[], turn: number): Instance[] => {
  const rotated = instances.map((_, at) => instances[(turn + at) % instances.length] as Instance)
  const by = (state: State) => rotated.filter(instance => instance.state === state)
  return [...by('ready'), ...by('degraded'), ...by('away')]
}

const pass = (instance: Instance, incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const hops = [incoming.headers['x-forwarded-for'], incoming.socket.remoteAddress].filter(Boolean)
    const headers = {
      ...endToEnd(incoming.headers),
      'x-forwarded-for': hops.join(', '),
      'x-forwarded-proto': 'https',
      'content-length': body.length,
    }
    const { method, url: path } = incoming
    const { hostname: host, port } = new URL(instance.url)
    request({ host, port, method, path, headers, agent: instance.agent }, resolve)
      .on('error', reject)
      .end(body)
  })

const answer = (outgoing: ServerResponse, reply: IncomingMessage): void => {
  outgoing.writeHead(reply.statusCode ?? 502, endToEnd(reply.headers))
  reply.on('error', () => outgoing.destroy())
  reply.pipe(outgoing)
}

/** Opens a balancer on 127.0.0.1. It answers 502 where an instance took a request and did not answer. */
export const openBalancer = async (): Promise<Balancer> => {
  const errors: string[] = []
  let instances: Instance[] = []
  let turn = 0

  const forward = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const report = (code: string) => errors.push(`${incoming.method} ${incoming.url} ${code}`)
    const body = await buffer(incoming)
    const [first, ...others] = candidates(instances, turn++)
    if (first?.state !== 'ready') report('NO_INSTANCE_READY')
    for (const instance of first ? [first, ...others] : []) {
      try {
        return answer(outgoing, await pass(instance, incoming, body))
      } catch (error) {
        const { code, message, syscall } = error as NodeJS.ErrnoException
        report(code ?? message)
        if (syscall !== 'connect') break
        setState(instance, 'away')
      }
    }
    outgoing.writeHead(502).end()
  }

  const stop = new AbortController()
  const check = async () => {
    while (!stop.signal.aborted) {
      await Promise.all(instances.map(async instance => setState(instance, await stateOf(instance.url))))
      await sleep(checkEveryMs, null, { signal: stop.signal }).catch(() => {})
    }
  }
  const checks = check()
  const server = createServer({ keepAliveTimeout: 120_000 }, (incoming, outgoing) => {
    forward(incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const discard = (list: Instance[]) => {
    for (const { agent } of list) agent.destroy()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setInstances: urls => {
      const known = new Map(instances.map(instance => [instance.url, instance]))
      discard(instances.filter(({ url }) => !urls.includes(url)))
      instances = urls.map(
        (url): Instance =>
          known.get(url) ?? { url, state: 'away', agent: new Agent({ keepAlive: true, timeout: 30_000 }) },
      )
    },
    ready: () => instances.filter(({ state }) => state === 'ready').map(({ url }) => url),
    errors,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      discard(instances)
      await Promise.all([closed, checks])
    },
  }
}
