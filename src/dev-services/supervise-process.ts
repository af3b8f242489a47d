import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { KeeperTask } from './child.ts'

const keeper = fileURLToPath(new URL('./supervisor.ts', import.meta.url))

/**
 * Runs a Node script as a process of its own that ends with us, also when we are killed. Ctrl-C does not reach it: the
 * order of an end is ours to give.
 */
export const superviseProcess = (
  script: string,
  args: string[],
  { env, stdout }: { env: NodeJS.ProcessEnv; stdout: 'inherit' | 'pipe' | 'ignore' },
): ChildProcess => {
  const task: KeeperTask = {
    command: process.execPath,
    args: [script, ...args],
    cwd: process.cwd(),
    stopSignals: ['SIGTERM', 'SIGKILL'],
  }
  return spawn(process.execPath, [keeper, JSON.stringify(task)], {
    env,
    detached: true,
    stdio: ['pipe', stdout, 'inherit'],
  })
}

export const isRunning = (child: ChildProcess): boolean =>
  child.exitCode === null && child.signalCode === null

export const ended = async (child: ChildProcess): Promise<void> => {
  if (isRunning(child)) await once(child, 'exit')
}

/** Lets it finish what it is at, and waits for its end. */
export const stop = async (child: ChildProcess): Promise<void> => {
  child.stdin?.end()
  await ended(child)
}
