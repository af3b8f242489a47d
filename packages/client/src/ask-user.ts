import type { Held } from './grant.ts'
import type { Settings } from './options.ts'
import type { ProblemError } from './problem-error.ts'
import { openPrompt, type Prompt } from './prompt.ts'
import { readProblem } from './read-problem.ts'
import type { Refresher } from './refresher.ts'

/** A refused request, and how to repeat it with a token. */
export type Refused = {
  response: Response
  problem: ProblemError
  mine: Held
  again: (response: Response, mine: Held) => Promise<Response>
}

const maxPrompts = 3

/** Whether a reply may ask for something of the user. */
export const isRefusal = ({ status }: Response): boolean => status === 401 || status === 403

const demandOf = ({ code, acrValues = '' }: ProblemError): string => `${code} ${acrValues}`

/** Asks the user for what a refused request needs, and repeats it. Returns the last reply. */
export const openAskUser = (
  { onReauthenticate, onMfaEnrollment }: Pick<Settings, 'onReauthenticate' | 'onMfaEnrollment'>,
  refresher: Pick<Refresher, 'current' | 'idle'>,
) => {
  // A prompt for each: setting up a factor may itself need a recent sign-in.
  const prompts = new Map<string, Prompt | null>([
    ['REAUTHENTICATION_REQUIRED', openPrompt(onReauthenticate)],
    ['MFA_ENROLLMENT_REQUIRED', openPrompt(onMfaEnrollment)],
  ])

  return async ({ mine, again, ...refused }: Refused): Promise<Response> => {
    let { response, problem } = refused
    const repeat = async (held: Held | null): Promise<Prompt | null> => {
      if (held?.userId !== mine.userId) return null
      response = await again(response, held)
      if (!isRefusal(response)) return null
      problem = await readProblem(response.clone())
      return prompts.get(problem.code) ?? null
    }

    // The token that is being renewed has the factor that the user has just added. Only Latchkey itself demands an enrollment,
    // and it looks at the session, not at the token.
    const newest = async (): Promise<Held | null> => {
      if (problem.code !== 'MFA_ENROLLMENT_REQUIRED') await refresher.idle()
      return refresher.current()
    }

    let prompt = prompts.get(problem.code) ?? null
    // Another request asked the user while this one was under way.
    const before = prompt && (await newest())
    if (before && before.accessToken !== mine.accessToken) prompt = await repeat(before)
    let asked = ''
    for (let i = 0; prompt && i < maxPrompts && asked !== demandOf(problem); i++) {
      // A prompt that is open for another request may ask for less. Then the user is asked again.
      const answer = await prompt(problem)
      if (!answer.isDone) break
      asked = demandOf(answer.problem)
      prompt = await repeat(await newest())
    }
    return response
  }
}
