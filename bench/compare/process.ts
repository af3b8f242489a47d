import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { exited, isRunning, superviseProcess } from '../../src/dev-services/supervise-process.ts'
import { onFreePort } from '../../src/platform/base/free-port.ts'
import { childrenOf } from '../../test/chaos/service-process.ts'

/** A server of ours or of a peer. It ends with this process, however that ends. */
export type Running = AsyncDisposable & { port: number; url: string; pids: number[] }

/** `script` is relative to this package; `ready` a path that answers 200 once it serves, or any answer without. */
export type Launch = {
  script: string
  env: Record<string, string>
  ready?: string
  /** What tells it its port; `PORT` unless said. */
  portAs?: string
  /** How many processes it is, if more than one: some start after the first one serves. */
  family?: number
}

export const scriptPath = (script: string): string => fileURLToPath(new URL(`../${script}`, import.meta.url))

/** Whether it serves by now. */
export const serves = async (url: string, ready: string | undefined): Promise<boolean> =>
  fetch(`${url}${ready ?? '/'}`, { headers: { connection: 'close' } }).then(
    async reply => {
      await reply.arrayBuffer()
      return ready === undefined || reply.ok
    },
    () => false,
  )

const timeoutMs = 30_000
const familyPatience = 5000

/** The processes that one has started, and those, and so on. */
const treeOf = async (pid: number): Promise<number[]> => {
  const children = await childrenOf(pid)
  return [...children, ...(await Promise.all(children.map(treeOf))).flat()]
}

export const aPort = (): Promise<string> => onFreePort(undefined, async free => String(free))

/** What every process of the bench is told, and no more of our own environment. */
export const baseEnv = (): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '',
  NODE_ENV: 'production',
})

/** Starts a server on a port of its own and waits until it serves. What it prints on standard output is lost. */
export const launch = async ({
  script,
  env,
  ready,
  portAs = 'PORT',
  family = 1,
}: Launch): Promise<Running> => {
  const port = await aPort()
  const url = `http://127.0.0.1:${port}`
  const child = superviseProcess(scriptPath(script), [], {
    env: { ...env, [portAs]: port },
    stdout: 'ignore',
  })
  child.stdin?.on('error', () => {})
  const end = async (): Promise<void> => {
    child.stdin?.end()
    await exited(child)
  }
  for (const deadline = Date.now() + timeoutMs; ; await sleep(20)) {
    if (await serves(url, ready)) break
    if (isRunning(child) && Date.now() < deadline) continue
    await end()
    throw new Error(`${script} did not start`)
  }
  let pids = await treeOf(child.pid ?? 0)
  for (const deadline = Date.now() + familyPatience; pids.length < family && Date.now() < deadline; ) {
    await sleep(100)
    pids = await treeOf(child.pid ?? 0)
  }
  return {
    ...{ port: Number(port), url, pids },
    [Symbol.asyncDispose]: async () => {
      // Nobody asks it any more: there is nothing to drain.
      for (const pid of pids) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {}
      }
      await end()
    },
  }
}
