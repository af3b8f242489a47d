import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** A message of the protocol of Postgres. */
export const message = (type: string, body = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

export const ready = message('Z', Buffer.from('I'))

const greeting = Buffer.concat([
  message('R', Buffer.alloc(4)),
  message('K', Buffer.from([0, 0, 0, 42, 0, 0, 0, 1])),
  ready,
])

/** A server that greets each client with the process id 42, and leaves what the client sends then to `answer`. */
export const openFakePostgres = async (answer: (bytes: Buffer, socket: Socket) => void = () => {}) => {
  const server = createServer(socket => {
    socket
      .on('error', () => {})
      .once('data', () => {
        socket.write(greeting)
        socket.on('data', bytes => answer(bytes, socket))
      })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    config: { host: '127.0.0.1', port, user: 'test', password: 'test' },
    [Symbol.dispose]: () => void server.close(),
  }
}
