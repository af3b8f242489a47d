import type { ProblemError } from './problem-error.ts'

/** Asks the user, once for all requests that wait for it. `problem` is the one that the user was asked because of. */
export type Prompt = (problem: ProblemError) => Promise<{ problem: ProblemError; isDone: boolean }>

type Ask = (problem: ProblemError) => unknown

/** Null if the app does not ask. */
export const openPrompt = (ask: Ask | undefined): Prompt | null => {
  if (!ask) return null
  let asking: ReturnType<Prompt> | null = null
  return problem => {
    asking ??= Promise.resolve(problem)
      .then(ask)
      .then(answer => ({ problem, isDone: answer !== false }))
      .finally(() => {
        asking = null
      })
    return asking
  }
}
