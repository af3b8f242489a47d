import { grantOfReply, type Held } from './grant.ts'
import type { Settings } from './options.ts'
import type { ProblemError } from './problem-error.ts'
import { readProblem } from './read-problem.ts'

/** Tabs leave at least this time between two exchanges, so that no old token is under way while its successor is exchanged. */
export const exchangePause = 5000

/** Without a reply, the request is repeated once after this time. It then arrives within the grace period of the service. */
const repeatAfter = 4000
// A page that was frozen meanwhile may already have the reply, and the grace period may be over.
const repeatWithin = 8000
// A slow reply is better than none: a later request with the same token would look like theft. The time is counted in
// steps, because timers of a page that was frozen are due before its reply is delivered.
const [timeoutStep, timeoutSteps] = [5000, 6]

type Result = Held | ProblemError

const post = async (
  { baseUrl, isCookie, fetch }: Settings,
  refreshToken: string | undefined,
  signal: AbortSignal,
): Promise<Result> => {
  const response = await fetch(`${baseUrl}/api/v1/auth/refresh`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify(isCookie ? {} : { refresh_token: refreshToken }),
    credentials: isCookie ? 'include' : 'omit',
    // A redirect would send the refresh token to another address.
    redirect: 'error',
    cache: 'no-store',
    // The reply must set the cookie even if the user leaves the page now.
    keepalive: true,
    signal,
  })
  return response.ok ? grantOfReply(await response.json()) : readProblem(response)
}

/** Exchanges a refresh token, or the cookie. Rejects if no reply of the service arrives. */
export const refreshOnce = async (settings: Settings, refreshToken: string | undefined): Promise<Result> => {
  const abort = new AbortController()
  const [byDevice, byPage] = [Date.now(), performance.now()]
  const age = () => Math.max(Date.now() - byDevice, performance.now() - byPage)
  let limit: ReturnType<typeof setTimeout> | undefined
  const countDown = (steps: number): void => {
    if (steps === 0) abort.abort(new Error('The refresh took too long'))
    else limit = setTimeout(() => countDown(steps - 1), timeoutStep)
  }
  countDown(timeoutSteps)
  let second: ReturnType<typeof setTimeout> | undefined
  try {
    return await new Promise<Result>((resolve, reject) => {
      let open = 0
      const send = () => {
        open++
        post(settings, refreshToken, abort.signal).then(resolve, error => {
          open--
          if (open === 0) reject(error)
        })
      }
      send()
      second = setTimeout(() => {
        if (age() <= repeatWithin) send()
      }, repeatAfter)
    })
  } finally {
    clearTimeout(limit)
    clearTimeout(second)
    abort.abort()
  }
}
