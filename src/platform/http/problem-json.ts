import { isOutage } from '../base/store-errors.ts'
import { problemSlug } from '../catalog/problem-definition.ts'
import { Problem } from '../catalog/problems.ts'

export type ProblemReply = { status: number; headers: Record<string, string>; body: Record<string, unknown> }

/** Problems of errors that body parsers throw, by their status. Their messages quote the body, so they are not sent. */
const byStatus: Record<number, () => Problem> = {
  400: () =>
    new Problem('VALIDATION_ERROR', {
      errors: [{ path: '', rule: 'json', message: 'The body must be one JSON object.' }],
    }),
  413: () => new Problem('PAYLOAD_TOO_LARGE'),
  415: () => new Problem('UNSUPPORTED_MEDIA_TYPE', { detail: 'encoding' }),
}

/** The problem of an error that was thrown while a request was processed. */
export const problemOf = (error: unknown): Problem => {
  if (isOutage(error)) return new Problem('SERVICE_UNAVAILABLE', { retryAfter: 2 })
  const { status } = (error ?? {}) as { status?: number }
  return byStatus[status ?? 500]?.() ?? new Problem('INTERNAL_ERROR')
}

/**
 * The one place that turns a problem into a reply (RFC 9457; RFC 6750, section 3, for 401). `base` is the beginning of the
 * problem's `type`: the path of `PUBLIC_URL`, or the whole URL if another service replies.
 */
export const problemJson = (
  { definition, extra }: Problem,
  requestId: string,
  base: string,
): ProblemReply => {
  const { code, status, title, details = {} } = definition
  const { errors, retryAfter, headers, members, detail = '' } = extra
  const sentence = details[detail]
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...(status === 401 && { 'WWW-Authenticate': 'Bearer realm="latchkey"' }),
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
      ...headers,
    },
    body: {
      type: `${base}/problems/${problemSlug(code)}`,
      title,
      status,
      ...(sentence && { detail: sentence }),
      code,
      request_id: requestId,
      ...(errors && { errors }),
      ...(retryAfter !== undefined && { retry_after: retryAfter }),
      ...members,
    },
  }
}
