import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** A mail server in a separate process. `last` is when the last email arrived, in milliseconds. */
export type Sink = AsyncDisposable & { url: string; received: () => Promise<{ count: number; last: number }> }

export const openSink = async (): Promise<Sink> => {
  const child = fork(fileURLToPath(new URL('./sink-process.ts', import.meta.url)))
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return {
    url: `smtp://127.0.0.1:${port}`,
    received: async () => {
      const answer = once(child, 'message')
      child.send('how many?')
      const [received] = (await answer) as [{ count: number; last: number }]
      return received
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
