import type { Held } from './grant.ts'
import type { Settings } from './options.ts'
import { ProblemError } from './problem-error.ts'
import { sendRequest } from './request.ts'
import { wait } from './wait.ts'

const maxRetries = 2
const maxRetryAfter = 10

/** Seconds until a failed attempt may be repeated; undefined if it may not. A logout may be repeated safely. */
const pauseAfter = (error: unknown): number | undefined => {
  if (!(error instanceof ProblemError)) return 0.3
  const { status, retryAfter } = error
  return status === 503 && retryAfter !== undefined && retryAfter <= maxRetryAfter ? retryAfter : undefined
}

/** Ends the session at the service. An expired access token is accepted, and a session that has already ended is no error. */
export const postLogout = async (settings: Settings, held: Held | null): Promise<void> => {
  const body = held?.refreshToken === undefined ? {} : { refresh_token: held.refreshToken }
  const headers = held ? { Authorization: `Bearer ${held.accessToken}` } : {}
  for (let retries = 0; ; retries++) {
    try {
      await sendRequest(settings.fetch, settings, 'POST', '/api/v1/auth/logout', { body, headers })
      return
    } catch (error) {
      if (error instanceof ProblemError && error.status === 401) return
      const pause = pauseAfter(error)
      if (pause === undefined || retries >= maxRetries) throw error
      await wait(pause * 1000)
    }
  }
}
