import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ClosedLoop, ClosedLoopResult } from './closed-loop.ts'
import type { OpenLoop, OpenLoopResult } from './open-loop.ts'

type Answer = { done: ClosedLoopResult | OpenLoopResult } | { error: string }

export type Load = AsyncDisposable & {
  closedLoop: (job: Omit<ClosedLoop, 'kind'>) => Promise<ClosedLoopResult>
  openLoop: (job: Omit<OpenLoop, 'kind'>) => Promise<OpenLoopResult>
}

/** Starts the process that sends the requests. An unexpected answer ends the whole run. */
export const openLoad = (): Load => {
  const child = fork(fileURLToPath(new URL('./load-process.ts', import.meta.url)), {
    serialization: 'advanced',
  })
  const run = async (job: ClosedLoop | OpenLoop): Promise<ClosedLoopResult | OpenLoopResult> => {
    const over = new AbortController()
    const answered = once(child, 'message', over).then(([answer]) => answer as Answer)
    const gone = once(child, 'exit', over).then((): Answer => ({ error: 'the load process exited' }))
    child.send(job)
    const answer = await Promise.race([answered, gone])
    over.abort()
    await Promise.allSettled([answered, gone])
    if ('error' in answer) throw new Error(answer.error)
    return answer.done
  }
  return {
    closedLoop: async job => (await run({ kind: 'closed', ...job })) as ClosedLoopResult,
    openLoop: async job => (await run({ kind: 'open', ...job })) as OpenLoopResult,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
