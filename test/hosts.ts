import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The two processes that run the service for test files. `urls` is for TEST_HOSTS. */
export type Hosts = AsyncDisposable & { urls: string }

const script = fileURLToPath(new URL('./world-host.ts', import.meta.url))

const start = async (env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; url: string }> => {
  const child = fork(script, { env, execArgv: ['--max-semi-space-size=32'] })
  const ended = once(child, 'exit').then(() => {
    throw new Error('A process that runs the service for the tests did not start')
  })
  const [message] = await Promise.race([once(child, 'message'), ended])
  ended.catch(() => {})
  return { child, url: message.url }
}

/** Starts the processes that run the service for test files. They end when this process does. */
export const startHosts = async (env: NodeJS.ProcessEnv): Promise<Hosts> => {
  const started = await Promise.all([start(env), start(env)])
  return {
    urls: started.map(({ url }) => url).join(','),
    async [Symbol.asyncDispose]() {
      await Promise.all(
        started.map(async ({ child }) => {
          if (child.exitCode !== null || child.signalCode !== null) return
          const ended = once(child, 'exit')
          if (child.connected) child.disconnect()
          await ended
        }),
      )
    },
  }
}
