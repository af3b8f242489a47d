import type { ReplyHeaders } from '../../reply-headers.ts'

// What is wrong with the reply of an error. This file does not load the routes, which take half a second of CPU.

const isRead = (headers: ReplyHeaders | Record<string, string>): headers is ReplyHeaders =>
  typeof headers.get === 'function'

/** Null if the reply is a well-formed problem of a 4xx status, or else how it differs from one. */
export const problemFault = (reply: {
  status: number
  headers: ReplyHeaders | Record<string, string>
  body: unknown
}): string | null => {
  const header = (name: string) => (isRead(reply.headers) ? reply.headers.get(name) : reply.headers[name])
  const { type, title, status, code, request_id } = (reply.body ?? {}) as Record<string, unknown>
  if (reply.status < 400 || reply.status > 499) return `status ${reply.status}`
  if (header('content-type') !== 'application/problem+json') return `type ${header('content-type')}`
  if (header('cache-control') !== 'no-store') return 'cache-control is not no-store'
  if (status !== reply.status) return `status ${status} within ${reply.status}`
  if (request_id !== header('x-request-id')) return 'request id differs from the header'
  if (typeof title !== 'string' || title === '') return 'no title'
  return type === `/problems/${String(code).toLowerCase().replaceAll('_', '-')}` ? null : `type ${type}`
}

/** As `problemFault`, for a reply of any path: below `/oauth`, errors have the format of RFC 6749. */
export const errorFault = (path: string, reply: Parameters<typeof problemFault>[0]): string | null => {
  if (!path.startsWith('/api/v1/oauth/')) return problemFault(reply)
  const header = (name: string) =>
    isRead(reply.headers) ? reply.headers.get(name) : (reply.headers[name] ?? null)
  const { error, error_description, ...rest } = (reply.body ?? {}) as Record<string, unknown>
  if (header('content-type') !== 'application/json') return `type ${header('content-type')}`
  if (header('cache-control') !== 'no-store') return 'cache-control is not no-store'
  if (header('pragma') !== 'no-cache') return 'pragma is not no-cache'
  if (!/^[a-z_]+$/.test(String(error))) return `error ${error}`
  // RFC 6749, section 5.2.
  if (!/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/.test(String(error_description))) return `${error_description}`
  return Object.keys(rest).length > 0 ? `more members: ${Object.keys(rest)}` : null
}
