import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Pace, Paced } from './pace.ts'
import type { Press, Pressed } from './press.ts'

type Answer = { done: Pressed | Paced } | { fault: string }

export type Load = AsyncDisposable & {
  press: (job: Omit<Press, 'kind'>) => Promise<Pressed>
  pace: (job: Omit<Pace, 'kind'>) => Promise<Paced>
}

/** Starts the process that asks. An answer that is not the expected one is a fault of the whole run. */
export const openLoad = (): Load => {
  const child = fork(fileURLToPath(new URL('./load-process.ts', import.meta.url)), {
    serialization: 'advanced',
  })
  const run = async (job: Press | Pace): Promise<Pressed | Paced> => {
    const over = new AbortController()
    const answered = once(child, 'message', over).then(([answer]) => answer as Answer)
    const gone = once(child, 'exit', over).then((): Answer => ({ fault: 'the process that asks has ended' }))
    child.send(job)
    const answer = await Promise.race([answered, gone])
    over.abort()
    await Promise.allSettled([answered, gone])
    if ('fault' in answer) throw new Error(answer.fault)
    return answer.done
  }
  return {
    press: async job => (await run({ kind: 'press', ...job })) as Pressed,
    pace: async job => (await run({ kind: 'pace', ...job })) as Paced,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
