import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A process of the service, with its log lines so far. */
export type Spawned = { child: ChildProcess; lines: string[] }

/** What a Node program needs to start. Compiling the service anew would take half of the CPU of its start. */
export const programEnv = { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE }

/** Starts `src/<name>.ts` with exactly this environment. */
export const spawnProcess = (name: 'api' | 'worker', env: Record<string, string>): Spawned => {
  const file = fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url))
  const child = spawn(process.execPath, [file], {
    env: { ...programEnv, ...env },
  })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', line => line && lines.push(line))
  return { child, lines }
}

/** Kills a process by SIGKILL, as a crash does, and waits until it has exited. */
export const kill = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
