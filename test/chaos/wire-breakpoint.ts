import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** The bytes to wait for, and whether the server still gets and answers them. */
export type Breakpoint = { bytes: string; answered: boolean }

/** A proxy to a server that stops a connection at one exact moment. Listens on 127.0.0.1. */
export type WireBreakpoint = AsyncDisposable & {
  through: (url: string) => string
  /**
   * When the client next sends these bytes, the proxy holds them (`answered: false`), or passes them and holds the
   * server's answer. Then it calls `onHit`. Nothing more passes on that connection.
   */
  set: (breakpoint: Breakpoint, onHit: () => void) => void
}

/** Opens a proxy to the server of a URL. `port` is the default port of its protocol. */
export const openWireBreakpoint = async (url: string, port: string): Promise<WireBreakpoint> => {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let pending: { breakpoint: Breakpoint; onHit: () => void } | null = null

  const join = (client: Socket): void => {
    const server = connect(Number(target.port || port), target.hostname)
    let state: 'open' | 'last answer' | 'shut' = 'open'
    let report = () => {}
    const shut = () => {
      state = 'shut'
      report()
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
    // The bytes may come in two chunks.
    let end = ''
    client.on('data', chunk => {
      const sent = end + chunk.toString('latin1')
      end = pending ? sent.slice(1 - pending.breakpoint.bytes.length) : ''
      if (state === 'open' && pending && sent.includes(pending.breakpoint.bytes)) {
        const { breakpoint, onHit } = pending
        pending = null
        report = onHit
        if (!breakpoint.answered) return shut()
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
    set: (breakpoint, onHit) => {
      pending = { breakpoint, onHit }
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close')
      listener.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
