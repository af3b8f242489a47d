import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

// A balancer as plain as they come: it asks each instance every 200 ms whether it is ready, sends requests to those
// that are, in turn, over connections that it keeps, and tries nothing twice.

export type Balancer = AsyncDisposable & {
  url: string
  /** Which instances there are from now on. A new one is sent requests once it says that it is ready. */
  members: (urls: string[]) => void
  /** Those that said last that they are ready. */
  ready: () => string[]
  /** What it met on the way to instances: names of errors. */
  faults: string[]
}

const checkEvery = 200

export const openBalancer = async (): Promise<Balancer> => {
  const agent = new Agent({ keepAlive: true })
  const faults: string[] = []
  let known: string[] = []
  let ready: string[] = []
  let turn = 0

  const isReady = (url: string): Promise<boolean> =>
    fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) }).then(
      async reply => {
        await reply.arrayBuffer()
        return reply.ok
      },
      () => false,
    )
  const stop = new AbortController()
  const watch = async () => {
    while (!stop.signal.aborted) {
      const states = await Promise.all(known.map(async url => ({ url, is: await isReady(url) })))
      ready = states.filter(({ url, is }) => is && known.includes(url)).map(({ url }) => url)
      await sleep(checkEvery, null, { signal: stop.signal }).catch(() => {})
    }
  }
  const watching = watch()

  const pass = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const target = ready[turn++ % ready.length]
    const fail = (code: string) => {
      faults.push(`${incoming.method} ${incoming.url} ${code}`)
      outgoing.writeHead(502).end()
    }
    if (!target) {
      fail('NOBODY_READY')
      return
    }
    const { connection: _, ...headers } = incoming.headers
    const sent = request(target + incoming.url, { agent, method: incoming.method, headers }, reply => {
      const { connection: _own, ...kept } = reply.headers
      outgoing.writeHead(reply.statusCode ?? 502, kept)
      reply.pipe(outgoing)
    })
    sent.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
    incoming.pipe(sent)
  }

  const server = createServer({ keepAliveTimeout: 65_000 }, pass)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    members: urls => {
      known = urls
    },
    ready: () => ready,
    faults,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await watching
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      agent.destroy()
    },
  }
}
