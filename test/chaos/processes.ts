import type { ChildProcess } from 'node:child_process'
import { type Client, openClient } from '../client.ts'
import type { LocalWorld } from '../local-world.ts'
import { until } from '../until.ts'

// Real processes to kill. They share the compile cache of the tests.

const cache = { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '' }

/** Long enough for a busy machine. */
const startTimeoutMs = 50_000

/** The message that a process logs once it is ready. */
export const readyMessage = { api: 'listening', worker: 'waiting for emails' } as const

export type ApiProcess = { child: ChildProcess; lines: string[]; url: string; client: Client }

/** Starts an API process and waits until it listens. */
export const anApi = async (world: LocalWorld, env: Record<string, string> = {}): Promise<ApiProcess> => {
  const { child, lines } = world.spawn('api', { ...cache, ...env })
  const line = await until(
    'the API to listen',
    () => {
      const error = lines.find(each => each.includes('"cannot start"'))
      if (error) throw new Error(error)
      return lines.find(each => each.includes(`"${readyMessage.api}"`))
    },
    startTimeoutMs,
  )
  const url = `http://127.0.0.1:${JSON.parse(line).port}`
  return { child, lines, url, client: openClient(url) }
}

/** Starts a worker process and waits until it is ready for emails. */
export const aWorker = async (world: LocalWorld, env: Record<string, string> = {}) => {
  const { child, lines } = world.spawn('worker', { ...cache, ...env })
  const isReady = () => lines.some(line => line.includes(readyMessage.worker))
  await until('the worker to be ready', isReady, startTimeoutMs)
  return { child, lines }
}

/** The environment of a process whose clock is wrong by this many milliseconds. */
export const clockOff = (milliseconds: number): Record<string, string> => {
  const code = `const Real = Date
    globalThis.Date = class extends Real {
      constructor(...given) { given.length ? super(...given) : super(Real.now() + ${milliseconds}) }
      static now() { return Real.now() + ${milliseconds} }
    }`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` }
}
