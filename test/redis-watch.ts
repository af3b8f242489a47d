import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { until, type World } from './world.ts'

/** Sees every command that Redis runs on the keys of a world, whoever sends it. */
export type RedisWatch = AsyncDisposable & {
  /** What ran since the last time of asking: each command's name and arguments. */
  seen: () => Promise<string[][]>
}

const quoted = /"((?:[^"\\]|\\.)*)"/g

/**
 * Watches by MONITOR on a connection of its own. The driver's monitor mode fails where lines come together with
 * the reply that begins it, as they do on a busy server, so this reads the lines itself.
 */
export const watchRedis = async ({ config, deps }: World): Promise<RedisWatch> => {
  const { hostname, port, username, password } = new URL(config.REDIS_URL)
  const socket = connect(Number(port || 6379), hostname)
  socket.on('error', () => {})
  const words = [username, password].map(decodeURIComponent).filter(Boolean)
  if (words.length > 0) socket.write(`AUTH ${words.join(' ')}\r\n`)
  socket.write('MONITOR\r\n')

  let commands: string[][] = []
  createInterface({ input: socket }).on('line', line => {
    if (!line.includes(config.REDIS_PREFIX)) return
    commands.push([...line.matchAll(quoted)].map(([, word = '']) => word))
  })

  const caughtUp = async (): Promise<string[][]> => {
    // What came before the mark has been seen once the mark has.
    const mark = `${config.REDIS_PREFIX}-${randomUUID()}`
    await until('the mark in MONITOR', async () => {
      await deps.redis.echo(mark)
      return commands.some(([, word]) => word === mark)
    })
    const found = commands.filter(([name, word]) => name !== 'echo' || !word?.startsWith(config.REDIS_PREFIX))
    commands = []
    return found
  }
  await caughtUp()

  return {
    seen: caughtUp,
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
    },
  }
}
