import type { Settings } from './options.ts'
import type { ProblemError } from './problem-error.ts'

/** Asks the user to sign in again, once for all requests that wait for it. Returns whether they did. */
export const openPrompt = (ask: Settings['onReauthenticate']) => {
  let asking: Promise<boolean> | null = null
  return (problem: ProblemError): Promise<boolean> => {
    asking ??= Promise.resolve(problem)
      .then(ask)
      .then(answer => answer !== false)
      .finally(() => {
        asking = null
      })
    return asking
  }
}
