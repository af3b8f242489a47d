import { randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { until } from './until.ts'
import type { World } from './world.ts'

/** Sees every command that Redis runs on the keys of a world, whoever sends it. */
export type RedisMonitor = AsyncDisposable & {
  /** What ran since the last time of asking: each command's name and arguments. */
  seen: () => Promise<string[][]>
}

const quoted = /"((?:[^"\\]|\\.)*)"/g

const openConnection = (url: string): Socket => {
  const { hostname, port, username, password } = new URL(url)
  const socket = connect(Number(port || 6379), hostname)
  socket.on('error', () => {})
  const words = [username, password].map(decodeURIComponent).filter(Boolean)
  if (words.length > 0) socket.write(`AUTH ${words.join(' ')}\r\n`)
  return socket
}

const monitor = (url: string, seen: (words: string[]) => void): Socket => {
  const socket = openConnection(url)
  socket.write('MONITOR\r\n')
  createInterface({ input: socket }).on('line', line => {
    seen([...line.matchAll(quoted)].map(([, word = '']) => word))
  })
  return socket
}

/**
 * Watches by MONITOR on connections of its own, one for each node. The driver's monitor mode fails where lines come
 * together with the reply that begins it, as they do on a busy server, so this reads the lines itself.
 */
export const monitorRedis = async ({ env }: Pick<World, 'env'>): Promise<RedisMonitor> => {
  const { REDIS_URL = '', REDIS_PREFIX = '' } = env
  const urls = REDIS_URL.split(',')
  let commands: string[][] = []
  const isOurs = (words: string[]) => words.some(word => word.includes(REDIS_PREFIX))
  const sockets = urls.map(url => monitor(url, words => isOurs(words) && commands.push(words)))

  const senders = urls.map(url => openConnection(url).resume())

  const caughtUp = async (): Promise<string[][]> => {
    // What came before the mark has been seen once the mark has, on every node.
    const marks = senders.map(socket => ({ socket, mark: `${REDIS_PREFIX}-${randomUUID()}` }))
    await until('the mark in MONITOR', async () => {
      for (const { socket, mark } of marks) socket.write(`echo ${mark}\r\n`)
      return marks.every(({ mark }) => commands.some(([, word]) => word === mark))
    })
    const found = commands.filter(([name, word]) => name !== 'echo' || !word?.startsWith(REDIS_PREFIX))
    commands = []
    return found
  }
  await caughtUp()

  return {
    seen: caughtUp,
    [Symbol.asyncDispose]: async () => {
      for (const socket of [...sockets, ...senders]) socket.destroy()
    },
  }
}
