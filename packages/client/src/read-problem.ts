import { ProblemError } from './problem-error.ts'
import { retryAfterOf } from './retry-after.ts'

/** Reads the body of an error reply. A body in another format becomes `UNEXPECTED_REPLY`, and its text is not kept. */
export const readProblem = async (response: Response): Promise<ProblemError> => {
  const isJson = /^application\/(?:[\w.-]+\+)?json\b/i.test(response.headers.get('content-type') ?? '')
  const body: unknown = isJson ? await response.json().catch(() => null) : null
  const fields = typeof body === 'object' && body !== null ? { ...body } : {}
  const challenge = response.headers.get('www-authenticate') ?? ''
  return new ProblemError(response.status, fields, retryAfterOf(response), challenge)
}
