import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import type { LocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'
import { type ApiProcess, anApi } from '../processes.ts'

// Several processes at one port, and clients who find out which of them answers: each line of the log says who wrote
// it, and each reply names its line.

export type Crew = AsyncDisposable &
  ApiProcess & {
    /** The log lines that have these words. */
    said: (words: string) => Record<string, unknown>[]
    /** Who wrote the line of a request. */
    whoAnswered: (requestId: string) => Promise<number>
    /** Asks over new connections until `count` processes that live have answered; who they are. */
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
  until(`${pid} to be gone`, () => !isAlive(pid), 50_000)

/** Two processes at one port, and their primary. */
export const aCrew = async (world: LocalWorld, env: Record<string, string> = {}): Promise<Crew> => {
  const api = await anApi(world, { API_PROCESSES: '2', LOG_LEVEL: 'info', ...env })
  const all = new Set<number>()
  const said = (words: string) =>
    api.lines.filter(line => line.startsWith('{') && line.includes(words)).map(line => JSON.parse(line))
  const whoAnswered = async (requestId: string): Promise<number> => {
    const line = await until(`${requestId} in the log`, () => said(requestId)[0])
    all.add(Number(line.pid))
    return Number(line.pid)
  }
  return {
    ...{ ...api, said, whoAnswered },
    pids: async (count = 2) => {
      const found = new Set<number>()
      await until(`${count} processes to answer`, async () => {
        const { id } = await ask(api.url, '/livez').catch(() => ({ id: null }))
        if (id) found.add(await whoAnswered(id))
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

/** One request; over a connection of its own without an `agent`. Rejects where no answer comes within 15 s. */
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

/** What a client met: answers, and requests that none came to with the answer before it on the same connection. */
export type Met = { answers: Answer[]; failed: { after: Answer | undefined; error: string }[] }

/** A client with one connection, which it opens anew when it is lost. It asks until `isOver` says so after an answer. */
export const keepAsking = async (
  url: string,
  token: string,
  isOver: (last: Answer | undefined) => boolean,
): Promise<Met> => {
  const met: Met = { answers: [], failed: [] }
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let last: Answer | undefined
  while (!isOver(last) && met.failed.length < 20) {
    try {
      last = await ask(url, '/api/v1/auth/me', token, agent)
      met.answers.push(last)
    } catch (error) {
      met.failed.push({ after: last?.closes ? undefined : last, error: String(error) })
      last = undefined
    }
  }
  agent.destroy()
  return met
}
