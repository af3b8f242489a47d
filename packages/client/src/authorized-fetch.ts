import { isRefusal, openAskUser } from './ask-user.ts'
import type { Held } from './grant.ts'
import type { Settings } from './options.ts'
import type { ProblemError } from './problem-error.ts'
import { readProblem } from './read-problem.ts'
import type { Refresher } from './refresher.ts'
import { addressOf, type Input, isRepeatable, isRequest, isSafeToRetry } from './repeatable.ts'
import { retryAfterOf } from './retry-after.ts'
import { wait } from './wait.ts'

type Fetch = (input: Input, init?: RequestInit) => Promise<Response>

const maxRetries = 2
const maxRetryAfter = 10
const otherServicePause = 60_000

const staleCodes = ['TOKEN_EXPIRED', 'INVALID_TOKEN', 'SESSION_REVOKED']

/** Whether a 401 is about the access token. `INVALID_TOKEN` may also be about an emailed token in the body. */
const isStale = ({ code }: ProblemError, { headers }: Response): boolean => {
  const challenge = headers.get('www-authenticate')
  return staleCodes.includes(code) && (challenge === null || challenge.includes('error="invalid_token"'))
}

/** `fetch` that adds the access token for trusted origins, and repeats a request once with a newer token. */
export const authorizedFetch = (settings: Settings, refresher: Refresher): Fetch => {
  const { trusted, baseOrigin, baseUrl, isCookie } = settings
  const askUser = openAskUser(settings, refresher)
  let renewedForOther = Number.NEGATIVE_INFINITY

  // A service that refuses good tokens, for example because its clock is wrong, must not use up the limit of refreshes.
  const mayRenew = (isOwn: boolean): boolean => {
    if (isOwn) return true
    if (performance.now() - renewedForOther < otherServicePause) return false
    renewedForOther = performance.now()
    return true
  }

  return async (input, init = {}) => {
    const url = addressOf(input)
    const headers = new Headers(init.headers ?? (isRequest(input) ? input.headers : undefined))
    const isTrusted = /^https?:$/.test(url.protocol) && trusted.has(url.origin)
    if (!isTrusted || headers.has('authorization')) return settings.fetch(input, init)

    const isOwn = url.origin === baseOrigin
    const method = init.method ?? (isRequest(input) ? input.method : 'GET')
    const signal = init.signal ?? (isRequest(input) ? input.signal : null)
    const canRepeat = isRepeatable(input, init.body)
    const credentials = isOwn && isCookie ? ({ credentials: 'include' } as const) : {}

    const send = async (mine: Held | null): Promise<Response> => {
      if (mine) headers.set('authorization', `Bearer ${mine.accessToken}`)
      for (let retries = 0; ; retries++) {
        const target = isRequest(input) ? (canRepeat ? input.clone() : input) : url.href
        const response = await settings.fetch(target, { ...credentials, ...init, headers })
        const seconds = response.status === 503 ? retryAfterOf(response) : undefined
        const isRetried = canRepeat && isSafeToRetry(method, headers) && retries < maxRetries
        if (!isRetried || seconds === undefined || seconds > maxRetryAfter) return response
        await response.body?.cancel()
        await wait(seconds * 1000 + Math.random() * 250, signal)
      }
    }

    const again = async (response: Response, mine: Held): Promise<Response> => {
      await response.body?.cancel()
      return send(mine)
    }

    let mine = await refresher.current()
    let response = await send(mine)
    if (!isRefusal(response) || !mine || !canRepeat) return response
    let problem = await readProblem(response.clone())
    // A token that another tab just got may be as old as the first one. Then this page refreshes it.
    for (
      let i = 0;
      i < 2 && isStale(problem, response) && (i > 0 ? !refresher.isOwn(mine) : mayRenew(isOwn));
      i++
    ) {
      const next = await refresher.renew(mine, isOwn && problem.code === 'TOKEN_EXPIRED')
      if (!next) return response
      mine = next
      response = await again(response, mine)
      if (!isRefusal(response)) return response
      problem = await readProblem(response.clone())
    }

    const isPrompt = url.href.startsWith(`${baseUrl}/api/v1/auth/reauthenticate`)
    return isPrompt ? response : askUser({ response, problem, mine, again })
  }
}
