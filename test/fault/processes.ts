import type { ChildProcess } from 'node:child_process'
import { type Client, openClient } from '../client.ts'
import type { LocalWorld } from '../local-world.ts'
import { until } from '../until.ts'

// Real processes to kill. They load the same modules as the tests do, and find them compiled.

const cache = { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '' }

/** On a machine with much else to do. */
const timeoutMs = 50_000

export type ApiProcess = { child: ChildProcess; lines: string[]; url: string; client: Client }

/** An API process that listens. */
export const anApi = async (world: LocalWorld, env: Record<string, string> = {}): Promise<ApiProcess> => {
  const { child, lines } = world.spawn('api', { ...cache, ...env })
  const line = await until(
    'the API to listen',
    () => {
      const fault = lines.find(each => each.includes('"cannot start"'))
      if (fault) throw new Error(fault)
      return lines.find(each => each.includes('"listening"'))
    },
    timeoutMs,
  )
  const url = `http://127.0.0.1:${JSON.parse(line).port}`
  return { child, lines, url, client: openClient(url) }
}

/** A worker process that waits for mails. */
export const aWorker = async (world: LocalWorld, env: Record<string, string> = {}) => {
  const { child, lines } = world.spawn('worker', { ...cache, ...env })
  await until('the worker to wait', () => lines.some(line => line.includes('waiting for emails')), timeoutMs)
  return { child, lines }
}

/** The environment of a process on a machine whose clock is wrong by as many milliseconds. */
export const clockOff = (milliseconds: number): Record<string, string> => {
  const code = `const Real = Date
    globalThis.Date = class extends Real {
      constructor(...given) { given.length ? super(...given) : super(Real.now() + ${milliseconds}) }
      static now() { return Real.now() + ${milliseconds} }
    }`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` }
}
