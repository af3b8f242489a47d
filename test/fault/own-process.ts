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
  /** Calls `run` with the arguments of the program; what they point to may be gone afterwards. */
  withArgs: (run: (args: string[]) => Promise<void>) => Promise<void>
  url: string
  port: number
  probe: () => Promise<void>
  /** The number of the running server's first process. */
  pid: () => Promise<number>
  signals: { clean: NodeJS.Signals; immediate: NodeJS.Signals }
}

// A stopped process hears nothing but SIGCONT and SIGKILL, and would outlive us: this one wakes all of them when its
// input closes, be it that we ask for it or that we were killed. The first process is stopped first, so that it makes
// no more.
const standstill = `kill -STOP "$1"; all="$1 $(pgrep -P "$1")"; kill -STOP $all; echo; read _; kill -CONT $all`
const slaughter = `all="$1 $(pgrep -P "$1")"; kill -KILL $all`

const shell = (script: string, pid: number): ChildProcess =>
  spawn('/bin/sh', ['-c', script, 'sh', String(pid)], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] })

/** A server from a program on this machine, running. */
export const openProcess = async (program: Program): Promise<OwnServer> => {
  const { name, dataDir, command, url, port, signals } = program
  let child: ServerProcess | undefined
  let pid = 0
  let still: ChildProcess | null = null

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
    still?.stdin?.end()
    if (still) await once(still, 'exit')
    still = null
  }
  const end = async () => {
    await resume()
    await child?.[Symbol.asyncDispose]()
    await rm(dataDir.base, { recursive: true, force: true })
  }

  await start().catch(async fault => {
    await end()
    throw fault
  })
  return {
    ...{ url, peer: { host: '127.0.0.1', port }, start, resume },
    stop: async (how = 'clean') => {
      process.kill(pid, signals[how])
      await ended()
    },
    kill: async () => {
      await once(shell(slaughter, pid), 'exit')
      await ended()
      await resume()
    },
    pause: async () => {
      still = shell(standstill, pid)
      if (still.stdout) await once(still.stdout, 'data')
    },
    [Symbol.asyncDispose]: end,
  }
}
