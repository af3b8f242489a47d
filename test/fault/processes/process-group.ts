import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { type ApiProcess, anApi } from '../../chaos/processes.ts'
import type { LocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'

// Several processes at one port, and clients that find out which process answers: the request id of a reply leads to a log
// line, and the line names its process.

export type ProcessGroup = AsyncDisposable &
  ApiProcess & {
    /** The log lines that contain this text. */
    logged: (text: string) => Record<string, unknown>[]
    /** The id of the process that answered a request. Null if no log line names it: the process was killed before it wrote one. */
    pidOf: (requestId: string) => Promise<number | null>
    /** Sends requests over new connections until this many running processes have answered. Returns their ids. */
    pids: (count?: number) => Promise<number[]>
  }

export const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

export const isGone = (pid: number): Promise<boolean> =>
  until(`process ${pid} to exit`, () => !isAlive(pid), 50_000)

/** Starts two processes at one port, and their primary. */
export const openProcessGroup = async (
  world: LocalWorld,
  env: Record<string, string> = {},
): Promise<ProcessGroup> => {
  const api = await anApi(world, { API_PROCESSES: '2', LOG_LEVEL: 'info', ...env })
  const all = new Set<number>()
  const logged = (text: string) =>
    api.lines.filter(line => line.startsWith('{') && line.includes(text)).map(line => JSON.parse(line))
  const pidOf = async (requestId: string): Promise<number | null> => {
    const line = await until(`${requestId} in the log`, () => logged(requestId)[0], 10_000).catch(() => null)
    if (!line) return null
    all.add(Number(line.pid))
    return Number(line.pid)
  }
  return {
    ...{ ...api, logged, pidOf },
    pids: async (count = 2) => {
      const found = new Set<number>()
      await until(`${count} processes to answer`, async () => {
        const { id } = await ask(api.url, '/livez').catch(() => ({ id: null }))
        const answering = id && (await pidOf(id))
        if (answering) found.add(answering)
        for (const pid of found) if (!isAlive(pid)) found.delete(pid)
        return found.size === count
      })
      return [...found]
    },
    [Symbol.asyncDispose]: async () => {
      const pids = [...all, Number(api.child.pid)].filter(isAlive)
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      await Promise.all(pids.map(isGone))
    },
  }
}

export type Answer = { status: number | undefined; id: string; closes: boolean }

/** Sends one request, without an `agent` over a new connection. Rejects if no answer comes within 15 s. */
export const ask = async (url: string, path: string, token = '', agent?: Agent): Promise<Answer> => {
  const sent = request(url + path, {
    agent: agent ?? false,
    headers: token ? { authorization: `Bearer ${token}` } : {},
    signal: AbortSignal.timeout(15_000),
  })
  sent.end()
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  reply.resume()
  await once(reply, 'end')
  const { connection, 'x-request-id': id } = reply.headers
  return { status: reply.statusCode, id: String(id), closes: connection === 'close' }
}

/** The answers to a client, and its failed requests with the last answer on the same connection. */
export type ClientLog = { answers: Answer[]; failed: { after: Answer | undefined; error: string }[] }

/** Sends requests over one connection, reopened when it breaks, until `isOver` returns true for the last answer. */
export const keepAsking = async (
  url: string,
  token: string,
  isOver: (last: Answer | undefined) => boolean,
): Promise<ClientLog> => {
  const log: ClientLog = { answers: [], failed: [] }
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let last: Answer | undefined
  while (!isOver(last) && log.failed.length < 20) {
    try {
      last = await ask(url, '/api/v1/auth/me', token, agent)
      log.answers.push(last)
    } catch (error) {
      log.failed.push({ after: last?.closes ? undefined : last, error: String(error) })
      last = undefined
    }
  }
  agent.destroy()
  return log
}
