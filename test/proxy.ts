import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What runs between a client and a server, and can fail. Listens on 127.0.0.1. */
export type TcpProxy = AsyncDisposable & {
  port: number
  /** The same address with this proxy in the place of the server. */
  through: (url: string) => string
  /** As a server that died: refuses who comes, and drops who is there. */
  cut: () => void
  /** As a server that hangs: accepts who comes, and no byte goes either way. */
  pause: () => void
  /** As a host that vanished and was replaced: who is there hangs for ever, who comes anew is served. */
  strand: () => void
  /** Everything flows again, also what was held back. */
  heal: () => void
  /**
   * Once: lets the next bytes that hold `mark` reach the server, and kills the connection as soon as the
   * server has answered, before the answer reaches the client. Resolves when that has happened.
   */
  loseReplyTo: (mark: string) => Promise<void>
}

type Pair = { client: Socket; server: Socket; held: boolean }

/** A TCP proxy in this process. What a paused one holds back is bounded by the sockets' own buffers. */
export const openProxy = async (targetHost: string, targetPort: number): Promise<TcpProxy> => {
  const pairs = new Set<Pair>()
  let state: 'open' | 'cut' | 'paused' = 'open'
  let trap: { mark: string; sprung: () => void } | undefined

  const drop = (pair: Pair): void => {
    pairs.delete(pair)
    pair.client.destroy()
    pair.server.destroy()
  }

  const join = (client: Socket): void => {
    if (state === 'cut') return void client.resetAndDestroy()
    const server = connect(targetPort, targetHost)
    const pair = { client, server, held: false }
    pairs.add(pair)
    let losing: (() => void) | undefined
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
    const ask = forward(client, server)
    const answer = forward(server, client)
    client.on('data', chunk => {
      if (trap && chunk.includes(trap.mark)) {
        losing = trap.sprung
        trap = undefined
      }
      ask(chunk)
    })
    server.on('data', chunk => {
      if (!losing) return answer(chunk)
      drop(pair)
      losing()
    })
    client.on('end', () => server.end())
    server.on('end', () => client.end())
    if (state === 'paused') hold(pair)
  }

  const hold = (pair: Pair): void => {
    pair.held = true
    pair.client.pause()
    pair.server.pause()
  }

  const release = (pair: Pair): void => {
    pair.held = false
    pair.client.resume()
    pair.server.resume()
  }

  const listener = createServer({ allowHalfOpen: true }, join)
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
      for (const pair of pairs) hold(pair)
    },
    strand: () => {
      state = 'open'
      for (const pair of pairs) hold(pair)
    },
    heal: () => {
      state = 'open'
      for (const pair of pairs) release(pair)
    },
    loseReplyTo: mark =>
      new Promise(sprung => {
        trap = { mark, sprung }
      }),
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>(resolve => listener.close(() => resolve()))
      for (const pair of pairs) drop(pair)
      await closed
    },
  }
}
