import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy that can simulate network faults. Listens on 127.0.0.1. */
export type TcpProxy = AsyncDisposable & {
  port: number
  /** Returns this URL with the proxy instead of the server. */
  through: (url: string) => string
  /** Simulates a dead server: resets new connections and drops existing ones. */
  cut: () => void
  /** Simulates a hanging server: accepts connections but forwards no byte in either direction. */
  pause: () => void
  /** Simulates a host that was replaced: existing connections hang forever, new ones work. */
  strand: () => void
  /** Forwards everything again, also the bytes that were held back. */
  heal: () => void
  /**
   * Forwards the next bytes that contain `mark` to the server, and drops the connection when the server has answered,
   * before the reply reaches the client. Does so once, and resolves then.
   */
  loseReplyTo: (mark: string) => Promise<void>
}

type Pair = { client: Socket; server: Socket; held: boolean }

/** Opens a TCP proxy in this process. While paused it buffers no more than the socket buffers hold. */
export const openProxy = async (targetHost: string, targetPort: number): Promise<TcpProxy> => {
  const pairs = new Set<Pair>()
  let state: 'open' | 'cut' | 'paused' = 'open'
  let breakpoint: { mark: string; reached: () => void } | undefined

  const drop = (pair: Pair): void => {
    pairs.delete(pair)
    pair.client.destroy()
    pair.server.destroy()
  }

  const connectPair = (client: Socket): void => {
    if (state === 'cut') return void client.resetAndDestroy()
    const server = connect(targetPort, targetHost)
    const pair = { client, server, held: false }
    pairs.add(pair)
    let onReply: (() => void) | undefined
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', () => drop(pair)).on('close', () => drop(pair))
    }
    const forward = (from: Socket, to: Socket) => (chunk: Buffer) => {
      if (to.writable && !to.write(chunk)) {
        from.pause()
        to.once('drain', () => pair.held || from.resume())
      }
    }
    const forwardRequest = forward(client, server)
    const forwardReply = forward(server, client)
    client.on('data', chunk => {
      if (breakpoint && chunk.includes(breakpoint.mark)) {
        onReply = breakpoint.reached
        breakpoint = undefined
      }
      forwardRequest(chunk)
    })
    server.on('data', chunk => {
      if (!onReply) return forwardReply(chunk)
      drop(pair)
      onReply()
    })
    client.on('end', () => server.end())
    server.on('end', () => client.end())
    if (state === 'paused') pausePair(pair)
  }

  const pausePair = (pair: Pair): void => {
    pair.held = true
    pair.client.pause()
    pair.server.pause()
  }

  const resumePair = (pair: Pair): void => {
    pair.held = false
    pair.client.resume()
    pair.server.resume()
  }

  const listener = createServer({ allowHalfOpen: true }, connectPair)
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo

  return {
    port,
    through: url => {
      const through = new URL(url)
      through.hostname = '127.0.0.1'
      through.port = String(port)
      return through.href
    },
    cut: () => {
      state = 'cut'
      for (const pair of pairs) drop(pair)
    },
    pause: () => {
      state = 'paused'
      for (const pair of pairs) pausePair(pair)
    },
    strand: () => {
      state = 'open'
      for (const pair of pairs) pausePair(pair)
    },
    heal: () => {
      state = 'open'
      for (const pair of pairs) resumePair(pair)
    },
    loseReplyTo: mark =>
      new Promise(reached => {
        breakpoint = { mark, reached }
      }),
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>(resolve => listener.close(() => resolve()))
      for (const pair of pairs) drop(pair)
      await closed
    },
  }
}
