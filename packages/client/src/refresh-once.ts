import { grantOfReply, type Held } from './grant.ts'
import type { Settings } from './options.ts'
import type { ProblemError } from './problem-error.ts'
import { readProblem } from './read-problem.ts'

/** Tabs leave at least this time between two exchanges, so that no old token is under way while its successor is exchanged. */
export const exchangePause = 5000

/** Without a reply, the request is repeated once after this time. It then arrives within the grace period of the service. */
const repeatAfter = 4000
// A slow reply is better than none: a later request with the same token would look like theft.
const timeout = 30_000

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
  const limit = setTimeout(() => abort.abort(new Error('The refresh took too long')), timeout)
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
      second = setTimeout(send, repeatAfter)
    })
  } finally {
    clearTimeout(limit)
    clearTimeout(second)
    abort.abort()
  }
}
