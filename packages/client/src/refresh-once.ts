import { grantOfReply, type Held } from './grant.ts'
import type { Settings } from './options.ts'
import type { ProblemError } from './problem-error.ts'
import { readProblem } from './read-problem.ts'

/**
 * A request ends within this time, and tabs leave at least this time between two exchanges. So an old refresh token is
 * never under way while its successor is exchanged, and arrives within the grace period of the service (10 s).
 */
export const refreshTimeout = 5000

/** Exchanges a refresh token, or the cookie, once. Rejects if no reply of the service arrives. */
export const refreshOnce = async (
  { baseUrl, isCookie, fetch }: Settings,
  refreshToken: string | undefined,
): Promise<Held | ProblemError> => {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(new Error('The refresh took too long')), refreshTimeout)
  try {
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
      signal: abort.signal,
    })
    return response.ok ? grantOfReply(await response.json()) : await readProblem(response)
  } finally {
    clearTimeout(timer)
  }
}
