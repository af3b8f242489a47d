import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { SupervisorTask } from './server-process.ts'

const supervisor = fileURLToPath(new URL('./supervisor.ts', import.meta.url))

/**
 * Runs a Node script in its own process, which ends with this process even if that is killed. Ctrl-C does not reach it,
 * so that this process decides in which order the processes end.
 */
export const superviseProcess = (
  script: string,
  args: string[],
  { env, stdout }: { env: NodeJS.ProcessEnv; stdout: 'inherit' | 'pipe' | 'ignore' },
): ChildProcess => {
  const task: SupervisorTask = {
    command: process.execPath,
    args: [script, ...args],
    cwd: process.cwd(),
    stopSignals: ['SIGTERM', 'SIGKILL'],
  }
  return spawn(process.execPath, [supervisor, JSON.stringify(task)], {
    env,
    detached: true,
    stdio: ['pipe', stdout, 'inherit'],
  })
}

export const isRunning = (child: ChildProcess): boolean =>
  child.exitCode === null && child.signalCode === null

/** Resolves when the process has exited. */
export const exited = async (child: ChildProcess): Promise<void> => {
  if (isRunning(child)) await once(child, 'exit')
}

/** Asks the process to finish its work and end, and waits until it has exited. */
export const stop = async (child: ChildProcess): Promise<void> => {
  child.stdin?.end()
  await exited(child)
}
