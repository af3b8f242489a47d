import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DataDir, ServerName } from '../../src/dev-services/data-dir.ts'
import {
  type ServerProcess,
  startServerProcess,
  untilServerReady,
} from '../../src/dev-services/server-process.ts'
import type { OwnServer } from './servers.ts'

export type Program = {
  name: ServerName
  dataDir: DataDir
  command: string
  /** Calls `run` with the arguments of the program. Files that they name may be removed afterwards. */
  withArgs: (run: (args: string[]) => Promise<void>) => Promise<void>
  url: string
  port: number
  probe: () => Promise<void>
  /** The id of the running server's first process. */
  pid: () => Promise<number>
  signals: { clean: NodeJS.Signals; immediate: NodeJS.Signals }
}

// A stopped process obeys only SIGCONT and SIGKILL, and would outlive this process. The shell continues all of them when
// its input closes, also if this process is killed. The first process is stopped first, so that it starts no more.
const stopUntilClosed = `kill -STOP "$1"; all="$1 $(pgrep -P "$1")"; kill -STOP $all; echo; read _; kill -CONT $all`
const killAll = `all="$1 $(pgrep -P "$1")"; kill -KILL $all`

const shell = (script: string, pid: number): ChildProcess =>
  spawn('/bin/sh', ['-c', script, 'sh', String(pid)], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] })

/** Stops a process and its children. Returns what continues them. */
export const freeze = async (pid: number): Promise<() => Promise<void>> => {
  const frozen = shell(stopUntilClosed, pid)
  if (frozen.stdout) await once(frozen.stdout, 'data')
  return async () => {
    const exited = once(frozen, 'exit')
    frozen.stdin?.end()
    await exited
  }
}

/** Starts a server from a program on this machine. */
export const openProcess = async (program: Program): Promise<OwnServer> => {
  const { name, dataDir, command, url, port, signals } = program
  let child: ServerProcess | undefined
  let pid = 0
  let unfreeze: (() => Promise<void>) | null = null

  const start = async () => {
    if (child?.isRunning()) return
    await program.withArgs(async args => {
      child = startServerProcess(
        {
          ...{ command, args, cwd: dataDir.path, runAs: dataDir.runAs, remove: dataDir.base },
          stopSignals: [signals.clean, signals.immediate],
        },
        join(dataDir.base, `${name}.log`),
      )
      await untilServerReady(name, program.probe, child)
      pid = await program.pid()
    })
  }
  const ended = async () => {
    while (child?.isRunning()) await sleep(10)
  }
  const resume = async () => {
    await unfreeze?.()
    unfreeze = null
  }
  const end = async () => {
    await resume()
    await child?.[Symbol.asyncDispose]()
    await rm(dataDir.base, { recursive: true, force: true })
  }

  await start().catch(async error => {
    await end()
    throw error
  })
  return {
    ...{ url, peer: { host: '127.0.0.1', port }, start, resume },
    stop: async (how = 'clean') => {
      process.kill(pid, signals[how])
      await ended()
    },
    kill: async () => {
      await once(shell(killAll, pid), 'exit')
      await ended()
      await resume()
    },
    pause: async () => {
      unfreeze = await freeze(pid)
    },
    [Symbol.asyncDispose]: end,
  }
}
