import { randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { until } from './until.ts'
import type { World } from './world.ts'

/** Records every command that any client runs on the Redis keys of a world. */
export type RedisMonitor = AsyncDisposable & {
  /** The commands since the last call, each as its name and arguments. */
  seen: () => Promise<string[][]>
}

const quoted = /"((?:[^"\\]|\\.)*)"/g

const openConnection = (url: string): Socket => {
  const { hostname, port, username, password } = new URL(url)
  const socket = connect(Number(port || 6379), hostname)
  socket.on('error', () => {})
  const args = [username, password].map(decodeURIComponent).filter(Boolean)
  if (args.length > 0) socket.write(`AUTH ${args.join(' ')}\r\n`)
  return socket
}

const monitor = (url: string, seen: (args: string[]) => void): Socket => {
  const socket = openConnection(url)
  socket.write('MONITOR\r\n')
  createInterface({ input: socket }).on('line', line => {
    seen([...line.matchAll(quoted)].map(([, word = '']) => word))
  })
  return socket
}

/**
 * Records commands by MONITOR on separate connections, one for each node. The monitor mode of ioredis fails if lines
 * arrive together with the first reply, as they do on a busy server. So this parses the lines itself.
 */
export const monitorRedis = async ({ env }: Pick<World, 'env'>): Promise<RedisMonitor> => {
  const { REDIS_URL = '', REDIS_PREFIX = '' } = env
  const urls = REDIS_URL.split(',')
  let commands: string[][] = []
  const isOfWorld = (args: string[]) => args.some(word => word.includes(REDIS_PREFIX))
  const sockets = urls.map(url => monitor(url, args => isOfWorld(args) && commands.push(args)))

  const senders = urls.map(url => openConnection(url).resume())

  const takeCommands = async (): Promise<string[][]> => {
    // When the mark has arrived from a node, all earlier commands of that node have arrived too.
    const marks = senders.map(socket => ({ socket, mark: `${REDIS_PREFIX}-${randomUUID()}` }))
    await until('the mark in MONITOR', async () => {
      for (const { socket, mark } of marks) socket.write(`echo ${mark}\r\n`)
      return marks.every(({ mark }) => commands.some(([, word]) => word === mark))
    })
    const found = commands.filter(([name, word]) => name !== 'echo' || !word?.startsWith(REDIS_PREFIX))
    commands = []
    return found
  }
  await takeCommands()

  return {
    seen: takeCommands,
    [Symbol.asyncDispose]: async () => {
      for (const socket of [...sockets, ...senders]) socket.destroy()
    },
  }
}
