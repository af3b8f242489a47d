import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The two processes that run the service for test files (world-host.ts). */
export type Hosts = {
  /** Their URLs, for TEST_HOSTS. */
  urls: string
  /** Ends both. Returns an error for each crash, uncaught error or process that does not exit. */
  end: () => Promise<string[]>
}

const script = fileURLToPath(new URL('./world-host.ts', import.meta.url))
const endTimeout = 15_000

type Started = { child: ChildProcess; url: string; ended: Promise<unknown> }

const start = async (env: NodeJS.ProcessEnv): Promise<Started> => {
  const child = fork(script, { env, execArgv: ['--max-semi-space-size=32'] })
  const ended = once(child, 'exit')
  const message = await Promise.race([once(child, 'message'), ended.then(() => null)])
  if (!message) throw new Error('A process that runs the service for the tests did not start')
  return { child, url: message[0].url, ended }
}

const stop = async ({ child, ended }: Started): Promise<string[]> => {
  const crashed = child.exitCode !== null || child.signalCode !== null
  if (child.connected) child.disconnect()
  const isHanging = await Promise.race([ended.then(() => false), sleep(endTimeout, true, { ref: false })])
  if (isHanging) {
    child.kill('SIGKILL')
    await ended
    return [`A process that runs the service did not exit within ${endTimeout / 1000} s and was killed`]
  }
  if (crashed)
    return [
      `A process that runs the service exited before the tests ended: ${child.signalCode ?? child.exitCode}`,
    ]
  return child.exitCode === 0 ? [] : ['A process that runs the service reported an error: see above']
}

/** Starts the processes that run the service for test files. They also end when this process is killed. */
export const startHosts = async (env: NodeJS.ProcessEnv): Promise<Hosts> => {
  const settled = await Promise.allSettled([start(env), start(env)])
  const started = settled.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []))
  for (const each of settled)
    if (each.status === 'rejected') {
      await Promise.all(started.map(stop))
      throw each.reason
    }
  return {
    urls: started.map(({ url }) => url).join(','),
    end: async () => (await Promise.all(started.map(stop))).flat(),
  }
}
