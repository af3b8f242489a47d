import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

// Below those that a system hands out by itself, from 32768 on: whoever listens anywhere would take one of those from a
// server that is about to start again.
const anyPort = (): number => randomInt(20_000, 32_000)

const freePort = async (wanted = anyPort()): Promise<number> => {
  for (let port = wanted, tries = 0; tries < 100; port = anyPort(), tries++)
    if (await isFree(port, '127.0.0.1')) return port
  throw new Error('No port on 127.0.0.1')
}

// Between the choice of a port and its use another process may take it: then the next one is tried.

/** Calls `start` with a port that is free on 127.0.0.1: the wanted one if it can be. */
export const onFreePort = async <T>(
  wanted: number | undefined,
  start: (port: number) => Promise<T>,
): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(attempt === 1 ? wanted : undefined)
    try {
      return await start(port)
    } catch (fault) {
      if (attempt === 3 || !/address already in use/i.test(String(fault))) throw fault
    }
  }
}

/** Whether nobody listens there yet. Port 0 is any that is free. */
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
