import type { ProblemError } from './problem-error.ts'
import { readProblem } from './read-problem.ts'

export type RequestFields = {
  params?: Record<string, unknown> | undefined
  query?: Record<string, unknown> | undefined
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

export type Reply = { status: number; body: unknown; headers: Headers }

/** The path with its parameters and query: `/users/{id}` becomes `/users/1?limit=5`. */
const pathOf = (template: string, { params = {}, query = {} }: RequestFields): string => {
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(params[name] ?? '')
    // The address parser would remove such a segment and call another route.
    if (/^\.{0,2}$/.test(value)) throw new TypeError(`params.${name} is missing or not valid`)
    return encodeURIComponent(value)
  })
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null)
  const search = new URLSearchParams(Object.fromEntries(given.map(([name, value]) => [name, String(value)])))
  return given.length > 0 ? `${path}?${search}` : path
}

/** Sends a request to a route of the service. Rejects with a `ProblemError` for any error reply. */
export const sendRequest = async (
  fetch: (input: string, init: RequestInit) => Promise<Response>,
  { baseUrl, isCookie }: { baseUrl: string; isCookie: boolean },
  method: string,
  template: string,
  options: RequestFields = {},
): Promise<Reply> => {
  const { body, signal, headers } = options
  const response = await fetch(baseUrl + pathOf(template, options), {
    method,
    headers: {
      Accept: 'application/json',
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
    credentials: isCookie ? 'include' : 'omit',
    // A redirect would send a password to another address. No route of the API redirects.
    redirect: 'error',
  })
  if (!response.ok) throw (await readProblem(response)) satisfies ProblemError
  const text = await response.text()
  const { status } = response
  return { status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers }
}
