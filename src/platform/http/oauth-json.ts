import type { Context } from 'koa'
import { belowBase } from '../base/base-path.ts'
import type { ProblemDefinition } from '../catalog/problem-definition.ts'
import type { Problem } from '../catalog/problems.ts'
import type { ProblemReply } from './problem-json.ts'

/** The path below which every error has the format of RFC 6749, section 5.2, because standard clients expect it. */
const oauthPath = '/api/v1/oauth/'

/** Whether a path of the API is one of OAuth. */
export const isOAuthPath = (path: string): boolean => path.startsWith(oauthPath)

/** Whether a request, also one without a route, asks a route of OAuth. */
export const isOAuthRequest = ({ req, state }: Pick<Context, 'req' | 'state'>): boolean => {
  const { url = '' } = req
  // A target may be a whole URL, or neither a path nor a URL.
  const path = url.startsWith('/') ? url : (URL.parse(url)?.pathname ?? '')
  return isOAuthPath(belowBase(state.base ?? '', path) ?? path) || isOAuthPath(path)
}

/** The `error` of a problem below `/oauth`. */
export const oauthErrorOf = ({ status, oauthError }: ProblemDefinition): string => {
  if (oauthError !== undefined) return oauthError
  if (status === 500) return 'server_error'
  return status === 429 || status === 503 ? 'temporarily_unavailable' : 'invalid_request'
}

// Section 5.2 allows neither quotation marks nor backslashes nor letters beyond ASCII.
const plain = (text: string): string => text.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "'")

/** The one place that turns a problem into a reply of RFC 6749, section 5.2. */
export const oauthJson = ({ definition, extra }: Problem): ProblemReply => {
  const { status, title, details = {} } = definition
  const { errors = [], retryAfter, headers, detail = '' } = extra
  const fields = errors.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join(' ')
  return {
    status,
    headers: {
      'Content-Type': 'application/json',
      'Cache-Control': 'no-store',
      Pragma: 'no-cache',
      ...(status === 401 && { 'WWW-Authenticate': 'Basic realm="latchkey", charset="UTF-8"' }),
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
      ...headers,
    },
    body: {
      error: oauthErrorOf(definition),
      error_description: plain(fields || details[detail] || `${title}.`),
    },
  }
}
