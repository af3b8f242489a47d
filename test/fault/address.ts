import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

// An address that outlives the server behind it, as a service name or a floating one does at a failover.

export type Address = AsyncDisposable & {
  /** A url with this address in the place of its server's. */
  of: (url: string) => string
  /** From now on whoever comes is led to this server. Who is connected stays where they are. */
  moveTo: (url: string) => void
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
export const openAddress = async (url: string): Promise<Address> => {
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
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  return {
    of: original => {
      const through = new URL(original)
      through.hostname = '127.0.0.1'
      through.port = String(port)
      return through.href
    },
    moveTo: moved => {
      target = new URL(moved)
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close')
      listener.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
