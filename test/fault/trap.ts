import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What to wait for on the way to a server, and whether the server is to see and to answer it still. */
export type Mark = { bytes: string; answered: boolean }

/** A way to a server on which one moment can be caught. Listens on 127.0.0.1. */
export type Trap = AsyncDisposable & {
  through: (url: string) => string
  /**
   * Once: when the client sends these bytes, they stop (`answered: false`), or they go on, and what stops is the
   * server's answer. Then `spring` is called. Nothing more passes on that connection.
   */
  set: (mark: Mark, spring: () => void) => void
}

/** Opens a way to the server of a url. `port` is the one that its protocol has by custom. */
export const openTrap = async (url: string, port: string): Promise<Trap> => {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let trap: { mark: Mark; spring: () => void } | null = null

  const join = (client: Socket): void => {
    const server = connect(Number(target.port || port), target.hostname)
    let state: 'open' | 'last answer' | 'shut' = 'open'
    let spring = () => {}
    const shut = () => {
      state = 'shut'
      spring()
    }
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    // What is looked for may come in two pieces.
    let end = ''
    client.on('data', chunk => {
      const sent = end + chunk.toString('latin1')
      end = trap ? sent.slice(1 - trap.mark.bytes.length) : ''
      if (state === 'open' && trap && sent.includes(trap.mark.bytes)) {
        const { mark, spring: act } = trap
        trap = null
        spring = act
        if (!mark.answered) return shut()
        state = 'last answer'
      }
      if (state !== 'shut') server.write(chunk)
    })
    server.on('data', chunk => {
      if (state === 'last answer') shut()
      if (state === 'open') client.write(chunk)
    })
  }

  const listener = createServer(join)
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    through: url => {
      const through = new URL(url)
      through.hostname = '127.0.0.1'
      through.port = String((listener.address() as AddressInfo).port)
      return through.href
    },
    set: (mark, spring) => {
      trap = { mark, spring }
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close')
      listener.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
