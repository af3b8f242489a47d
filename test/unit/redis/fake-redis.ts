import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** Answers a command of the given connection (1, 2, …): RESP, or null for no reply. */
export type Reply = (command: string[], connection: number, socket: Socket) => string | null

export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
export const array = (...items: string[]): string => `*${items.length}\r\n${items.join('')}`

/** The commands in RESP arrays of bulk strings. Each chunk holds whole commands, as commands here are short. */
const parse = (chunk: string): string[][] => {
  const lines = chunk.split('\r\n')
  const commands: string[][] = []
  for (let at = 0; lines[at]?.startsWith('*'); ) {
    const count = Number(lines[at]?.slice(1))
    commands.push(Array.from({ length: count }, (_, i) => lines[at + 2 + 2 * i] ?? ''))
    at += 1 + 2 * count
  }
  return commands
}

/** What an idle single server answers: commands of ioredis itself get OK. */
export const common: Reply = ([name = '']) => {
  if (name.toLowerCase() === 'ping') return '+PONG\r\n'
  return name.toLowerCase() === 'info' ? bulk('loading:0\r\n') : '+OK\r\n'
}

/** What the only node of a cluster answers. */
export const clusterNode =
  (port: () => number, other: Reply = common): Reply =>
  (command, connection, socket) => {
    const [name, sub] = command.map(word => word.toLowerCase())
    if (name === 'cluster' && sub === 'info') return bulk('cluster_state:ok\r\n')
    if (name !== 'cluster') return other(command, connection, socket)
    const node = array(bulk('127.0.0.1'), `:${port()}\r\n`, bulk('node'))
    return array(array(':0\r\n', ':16383\r\n', node))
  }

/** A Redis server in this process that answers as `reply` does. */
export const openFakeRedis = async (reply: (port: () => number) => Reply) => {
  const sockets = new Set<Socket>()
  const commands: string[][] = []
  let connections = 0
  const port = () => (server.address() as AddressInfo).port
  const answer = reply(port)
  const server = createServer(socket => {
    const connection = ++connections
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    socket.on('data', chunk => {
      for (const command of parse(chunk.toString('latin1'))) {
        commands.push(command)
        const text = answer(command, connection, socket)
        if (text !== null && !socket.destroyed) socket.write(text)
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: port(),
    /** Every command that was received. */
    commands,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
