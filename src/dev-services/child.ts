import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { RunAs } from './run-as.ts'

/** A server that was found or started. Disposing stops it, if it was started here. */
export type Server = AsyncDisposable & { url: string; how: string }

/** What `keeper.ts` is told, on its command line: so there is no secret in it. */
export type KeeperTask = {
  command: string
  args: string[]
  cwd: string
  runAs?: RunAs
  /** The signals that stop the server, from polite to final, 15 s apart. */
  stopSignals: NodeJS.Signals[]
  /** A folder to remove once we are done with the server and it has ended. */
  remove?: string | undefined
}

export type Child = AsyncDisposable & { running: () => boolean; lastLines: () => string }

const keeper = fileURLToPath(new URL('./supervisor.ts', import.meta.url))

/** Starts a server that ends when it is disposed, and also when this process is killed. */
export const startChild = (task: KeeperTask, logFile: string): Child => {
  const log = openSync(logFile, 'w', 0o600)
  const child = spawn(process.execPath, [keeper, JSON.stringify(task)], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', log, log],
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  })
  closeSync(log)
  const ended = new Promise<void>(resolve =>
    child.once('exit', () => resolve()).once('error', () => resolve()),
  )
  child.unref()
  child.stdin?.on('error', () => {})
  const running = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  return {
    running,
    lastLines: () => readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n'),
    async [Symbol.asyncDispose]() {
      child.ref()
      child.stdin?.end()
      if (running()) await ended
    },
  }
}

/**
 * Calls `probe` until it does not throw. Throws when the child ends first, with its last words, or when a
 * minute has passed.
 */
export const untilReady = async (name: string, probe: () => Promise<void>, child?: Child): Promise<void> => {
  const deadline = Date.now() + 60_000
  for (;;) {
    try {
      return await probe()
    } catch (fault) {
      const words = child ? `; its last words:\n${child.lastLines()}` : ''
      if (child && !child.running()) throw new Error(`${name} did not start${words}`)
      if (Date.now() > deadline)
        throw new Error(`${name} did not answer within a minute${words}`, { cause: fault })
    }
    await sleep(50)
  }
}
