import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ClosedLoop, ClosedLoopEnd, ClosedLoopResult } from './closed-loop.ts'
import type { OpenLoop, OpenLoopResult } from './open-loop.ts'

type Answer = { done: ClosedLoopEnd | OpenLoopResult } | { error: string }
type ClosedJob = Omit<ClosedLoop, 'kind'>

export type Load = AsyncDisposable & {
  closedLoop: (job: ClosedJob) => Promise<ClosedLoopResult>
  /** Also hands over the last refresh token of each connection. */
  rotatingLoop: (job: ClosedJob, keep: (tokens: string[]) => void) => Promise<ClosedLoopResult>
  openLoop: (job: Omit<OpenLoop, 'kind'>) => Promise<OpenLoopResult>
}

/** Starts the process that sends the requests. An unexpected answer ends the whole run. */
export const openLoad = (): Load => {
  const child = fork(fileURLToPath(new URL('./load-process.ts', import.meta.url)), {
    serialization: 'advanced',
  })
  const run = async (job: ClosedLoop | OpenLoop): Promise<ClosedLoopEnd | OpenLoopResult> => {
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
  const closed = async (job: ClosedJob) => (await run({ kind: 'closed', ...job })) as ClosedLoopEnd
  return {
    closedLoop: async job => (await closed(job)).result,
    rotatingLoop: async (job, keep) => {
      const { result, tokens } = await closed(job)
      keep(tokens)
      return result
    },
    openLoop: async job => (await run({ kind: 'open', ...job })) as OpenLoopResult,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
