import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onFreePort } from '../../src/platform/base/free-port.ts'

// An address that outlives the server behind it, like a service name or a floating IP address in a failover.

export type MovableAddress = AsyncDisposable & {
  /** The same URL with this address in place of the server's. */
  through: (url: string) => string
  /** New connections reach this server from now on. Open ones stay where they are. */
  moveTo: (url: string) => void
  /** Closes every connection and refuses new ones, like a host where the server has stopped. */
  close: () => Promise<void>
  /** Accepts connections again, on the same port. */
  reopen: () => Promise<void>
}

const join = (one: Socket, other: Socket): void => {
  one.pipe(other)
  const drop = () => {
    one.destroy()
    other.destroy()
  }
  one.on('error', drop).on('close', drop)
}

/** Opens an address on 127.0.0.1 that leads to the server at `url`. */
export const openMovableAddress = async (url: string): Promise<MovableAddress> => {
  let target = new URL(url)
  const sockets = new Set<Socket>()
  const listener = createServer(client => {
    const server = connect(Number(target.port), target.hostname)
    for (const socket of [client, server]) {
      sockets.add(socket.setNoDelay(true))
      socket.on('close', () => sockets.delete(socket))
    }
    join(client, server)
    join(server, client)
  })
  const listen = async (port: number) => {
    listener.listen(port, '127.0.0.1')
    await once(listener, 'listening')
    return (listener.address() as AddressInfo).port
  }
  const close = async () => {
    if (!listener.listening) return
    const closed = once(listener, 'close')
    listener.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  const port = await onFreePort(undefined, listen)
  return {
    through: original => {
      const through = new URL(original)
      through.hostname = '127.0.0.1'
      through.port = String(port)
      return through.href
    },
    moveTo: moved => {
      target = new URL(moved)
    },
    close,
    reopen: async () => {
      await listen(port)
    },
    [Symbol.asyncDispose]: close,
  }
}
