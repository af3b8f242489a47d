import type { ProblemDefinition } from '../catalog/problem-definition.ts'
import { type Code, problems } from '../catalog/problems.ts'
import type { Auth } from '../http/auth.ts'
import type { Route } from '../http/route.ts'

const bearerProblems: Code[] = [
  'AUTH_ERROR',
  'INVALID_TOKEN',
  'TOKEN_EXPIRED',
  'SESSION_REVOKED',
  'EMAIL_NOT_VERIFIED',
  'VALIDATION_ERROR',
  'RATE_LIMIT_EXCEEDED',
]

/** The problems of a session that lacks a second factor, on a route for which `REQUIRE_MFA` demands one. */
const levelProblems: Code[] = ['REAUTHENTICATION_REQUIRED', 'MFA_ENROLLMENT_REQUIRED']

const isLevelChecked = ({ auth, singleFactor }: Route): boolean =>
  singleFactor !== 'allowed' && impliedByAuth[auth].includes('SESSION_REVOKED')

const impliedByAuth: Record<Auth, readonly Code[]> = {
  none: [],
  optional: bearerProblems,
  bearer: bearerProblems,
  anyBearer: bearerProblems,
  admin: [...bearerProblems, 'FORBIDDEN', 'INSUFFICIENT_SCOPE'],
  refresh: ['INVALID_REFRESH_TOKEN', 'FORBIDDEN', 'RATE_LIMIT_EXCEEDED'],
  bearerOrRefresh: ['AUTH_ERROR', 'FORBIDDEN', 'VALIDATION_ERROR'],
  client: ['INVALID_CLIENT', 'VALIDATION_ERROR', 'RATE_LIMIT_EXCEEDED'],
}

/** Every problem that a route may reply with: its own, and those of the steps before its handler. */
export const problemsOf = (route: Route): ProblemDefinition[] => {
  const body: Code[] = route.body ? ['VALIDATION_ERROR', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] : []
  const params: Code[] = route.params ? ['NOT_FOUND'] : []
  const scope: Code[] = route.auth === 'client' && route.scope ? ['INSUFFICIENT_SCOPE'] : []
  const limit: Code[] = route.limits.length > 0 ? ['RATE_LIMIT_EXCEEDED'] : []
  const fresh: Code[] = route.fresh ? ['REAUTHENTICATION_REQUIRED'] : []
  const always: Code[] = ['INTERNAL_ERROR', 'SERVICE_UNAVAILABLE']
  const implied = [
    ...impliedByAuth[route.auth],
    ...scope,
    ...body,
    ...params,
    ...limit,
    ...fresh,
    ...(isLevelChecked(route) ? levelProblems : []),
    ...always,
  ].map(code => problems[code])
  return [...new Map([...route.problems, ...implied].map(each => [each.code, each])).values()]
}

/** The body of an error reply (RFC 9457). */
export const problem = {
  title: 'Problem',
  type: 'object',
  description: 'RFC 9457. `code` is stable. `errors` lists the invalid fields of a `VALIDATION_ERROR`.',
  required: ['type', 'title', 'status', 'code', 'request_id'],
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: {
      type: 'string',
      description: 'The reason, if the code has several. For the developer of the client.',
    },
    code: { $ref: '#/components/schemas/ProblemCode' },
    request_id: { type: 'string' },
    retry_after: { type: 'integer', description: 'Seconds.' },
    errors: {
      type: 'array',
      items: {
        title: 'FieldError',
        type: 'object',
        required: ['path', 'rule', 'message'],
        properties: { path: { type: 'string' }, rule: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
}

/** Every code. */
export const problemCode = (codes: readonly string[]) => ({
  type: 'string',
  enum: codes,
  description: 'New codes may be added, so a client must handle a code that it does not know.',
})
