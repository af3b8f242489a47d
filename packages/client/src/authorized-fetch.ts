import type { Held } from './grant.ts'
import type { Settings } from './options.ts'
import type { ProblemError } from './problem-error.ts'
import { readProblem } from './read-problem.ts'
import type { Refresher } from './refresher.ts'
import { retryAfterOf } from './retry-after.ts'
import { wait } from './wait.ts'

type Input = string | URL | Request
type Fetch = (input: Input, init?: RequestInit) => Promise<Response>

const maxRetries = 2
const maxRetryAfter = 10
const otherServicePause = 60_000

// Relative addresses are resolved here, and the result is sent, so that the checked address and the requested one are equal.
const addressOf = (input: Input): URL => {
  if (typeof input === 'object' && 'url' in input) return new URL(input.url)
  const { document, location } = globalThis as { document?: { baseURI: string }; location?: { href: string } }
  return new URL(input, document?.baseURI ?? location?.href)
}

const isRequest = (input: Input): input is Request => typeof input === 'object' && 'url' in input

/** A stream is consumed by the first attempt, so such a request is sent once. */
const isRepeatable = (input: Input, body: unknown): boolean => {
  if (body === undefined || body === null) return !isRequest(input) || input.body === null
  return (
    typeof body === 'string' ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  )
}

// The service may have processed a request that it answers with 503. Repeating a POST or PATCH could act twice, unless its
// key tells the service that it is the same request.
const isSafeToRetry = (method: string, headers: Headers): boolean =>
  /^(?:GET|HEAD|OPTIONS|PUT|DELETE)$/i.test(method) || headers.has('idempotency-key')

const staleCodes = ['TOKEN_EXPIRED', 'INVALID_TOKEN', 'SESSION_REVOKED']

/** Whether a 401 is about the access token. `INVALID_TOKEN` may also be about an emailed token in the body. */
const isStale = ({ code }: ProblemError, { headers }: Response): boolean => {
  const challenge = headers.get('www-authenticate')
  return staleCodes.includes(code) && (challenge === null || challenge.includes('error="invalid_token"'))
}

/** Asks the user to sign in again, once for all requests that wait for it. Returns whether they did. */
const openPrompt = (ask: Settings['onReauthenticate']) => {
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

/** `fetch` that adds the access token for trusted origins, and repeats a request once with a newer token. */
export const authorizedFetch = (settings: Settings, refresher: Refresher): Fetch => {
  const { trusted, baseOrigin, baseUrl, isCookie, onReauthenticate } = settings
  const prompt = openPrompt(onReauthenticate)
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
    if (response.status !== 401 || !mine || !canRepeat) return response
    let problem = await readProblem(response.clone())
    if (isStale(problem, response) && mayRenew(isOwn)) {
      const next = await refresher.renew(mine, isOwn && problem.code === 'TOKEN_EXPIRED')
      if (!next) return response
      mine = next
      response = await again(response, mine)
      if (response.status !== 401) return response
      problem = await readProblem(response.clone())
    }

    const isPrompt = url.href.startsWith(`${baseUrl}/api/v1/auth/reauthenticate`)
    if (problem.code !== 'REAUTHENTICATION_REQUIRED' || !onReauthenticate || isPrompt) return response
    const isSame = (held: Held | null): held is Held => held?.userId === mine?.userId
    const before = await refresher.current()
    // Another request asked the user while this one was under way.
    if (isSame(before) && before.accessToken !== mine.accessToken) {
      response = await again(response, before)
      if (response.status !== 401) return response
      problem = await readProblem(response.clone())
      if (problem.code !== 'REAUTHENTICATION_REQUIRED') return response
    }
    if (!(await prompt(problem))) return response
    const after = await refresher.current()
    return isSame(after) ? again(response, after) : response
  }
}
