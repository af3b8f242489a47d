import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { RunAs } from './run-as.ts'
import { untilReady } from './until-ready.ts'

/** A server that was found or started. Disposing stops it if it was started here. */
export type Server = AsyncDisposable & {
  url: string
  /** Where it was found, without secrets. */
  description: string
}

/** The task of `supervisor.ts`. It is passed on the command line, which other users can read, so it holds no secrets. */
export type SupervisorTask = {
  command: string
  args: string[]
  cwd: string
  runAs?: RunAs
  /** The signals that stop the server, from gentle to forced, 15 s apart. */
  stopSignals: NodeJS.Signals[]
  /** A folder to remove after the server was stopped. */
  remove?: string | undefined
}

/** A server under a supervisor. Disposing stops it and waits for its end. */
export type ServerProcess = AsyncDisposable & { isRunning: () => boolean; lastLines: () => string }

const supervisor = fileURLToPath(new URL('./supervisor.ts', import.meta.url))

/** Starts a server that stops when it is disposed, and also when this process is killed. */
export const startServerProcess = (task: SupervisorTask, logFile: string): ServerProcess => {
  const log = openSync(logFile, 'w', 0o600)
  const child = spawn(process.execPath, [supervisor, JSON.stringify(task)], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', log, log],
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  })
  closeSync(log)
  const exited = new Promise<void>(resolve =>
    child.once('exit', () => resolve()).once('error', () => resolve()),
  )
  child.unref()
  child.stdin?.on('error', () => {})
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  return {
    isRunning,
    lastLines: () => readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n'),
    async [Symbol.asyncDispose]() {
      child.ref()
      child.stdin?.end()
      if (isRunning()) await exited
    },
  }
}

/**
 * Waits until `probe` does not throw. Throws an error with the last log lines of the server if it exits first, or if a
 * minute passes.
 */
export const untilServerReady = async (
  name: string,
  probe: () => Promise<void>,
  server?: ServerProcess,
): Promise<void> => {
  const logLines = () => (server ? `. Its last log lines:\n${server.lastLines()}` : '')
  const isRunning = server?.isRunning ?? (() => true)
  const isReady = await untilReady(probe, { isRunning, timeoutMs: 60_000 }).catch(cause => {
    throw new Error(`${name} did not answer within a minute${logLines()}`, { cause })
  })
  if (!isReady) throw new Error(`${name} did not start${logLines()}`)
}
