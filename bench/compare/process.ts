import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { exited, isRunning, superviseProcess } from '../../src/dev-services/supervise-process.ts'
import { onFreePort } from '../../src/platform/base/free-port.ts'
import { childrenOf } from '../../test/chaos/service-process.ts'

/** A server of Latchkey or of a peer. It exits with this process, even if this process is killed. */
export type Running = AsyncDisposable & { port: number; url: string; pids: number[] }

/** `script` is relative to this package. `ready` is a path that answers 200 once it serves; without it any answer will do. */
export type Launch = {
  script: string
  env: Record<string, string>
  ready?: string
  /** The variable that sets its port. By default it is `PORT`. */
  portAs?: string
  /** How many processes it has, if more than one: some start after the first one serves. */
  processCount?: number
}

export const scriptPath = (script: string): string => fileURLToPath(new URL(`../${script}`, import.meta.url))

/** Whether the server answers. */
export const serves = async (url: string, ready: string | undefined): Promise<boolean> =>
  fetch(`${url}${ready ?? '/'}`, { headers: { connection: 'close' } }).then(
    async reply => {
      await reply.arrayBuffer()
      return ready === undefined || reply.ok
    },
    () => false,
  )

const timeoutMs = 30_000
const childrenTimeoutMs = 5000

/** The descendants of a process. */
const descendantsOf = async (pid: number): Promise<number[]> => {
  const children = await childrenOf(pid)
  return [...children, ...(await Promise.all(children.map(descendantsOf))).flat()]
}

export const aPort = (): Promise<string> => onFreePort(undefined, async free => String(free))

/** The only variables of this environment that a measured process gets. */
export const baseEnv = (): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '',
  NODE_ENV: 'production',
})

/** Starts a server on a free port and waits until it answers. Its standard output is discarded. */
export const launch = async ({
  script,
  env,
  ready,
  portAs = 'PORT',
  processCount = 1,
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
  let pids = await descendantsOf(child.pid ?? 0)
  for (
    const deadline = Date.now() + childrenTimeoutMs;
    pids.length < processCount && Date.now() < deadline;
  ) {
    await sleep(100)
    pids = await descendantsOf(child.pid ?? 0)
  }
  return {
    ...{ port: Number(port), url, pids },
    [Symbol.asyncDispose]: async () => {
      // No client uses it any more, so it need not drain.
      for (const pid of pids) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {}
      }
      await end()
    },
  }
}
