import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

// Below the ports that the system assigns, from 32768 on. Any process could get such a port while our server restarts.
const anyPort = (): number => randomInt(20_000, 32_000)

const freePort = async (wanted = anyPort()): Promise<number> => {
  for (let port = wanted, tries = 0; tries < 100; port = anyPort(), tries++)
    if (await isFree(port, '127.0.0.1')) return port
  throw new Error('No port on 127.0.0.1')
}

/**
 * Calls `start` with a port that is free on 127.0.0.1, with the wanted one if it is free. Tries another port if a process
 * takes the port before `start` uses it.
 */
export const onFreePort = async <T>(
  wanted: number | undefined,
  start: (port: number) => Promise<T>,
): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(attempt === 1 ? wanted : undefined)
    try {
      return await start(port)
    } catch (error) {
      if (attempt === 3 || !/address already in use/i.test(String(error))) throw error
    }
  }
}

/** Whether no process listens on this port. Port 0 stands for any free port. */
export const isFree = async (port: number, host: string): Promise<boolean> => {
  const server = createServer()
  try {
    server.listen(port, host)
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
