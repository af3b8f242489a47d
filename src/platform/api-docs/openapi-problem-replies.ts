import type { ProblemDefinition } from '../catalog/problem-definition.ts'
import { isOAuthPath } from '../http/oauth-json.ts'
import type { Route } from '../http/route.ts'
import { refusalHeaders } from './openapi-headers.ts'
import { oauthReply } from './openapi-oauth.ts'
import { problem, problemsOf } from './openapi-problems.ts'
import { jsonSchema, pascal, type Schemas } from './openapi-schemas.ts'

/** The replies of a route with a problem, by their status. */
export const problemReplies = (route: Route, schemas: Schemas): Record<string, unknown> => {
  const byStatus = Map.groupBy(problemsOf(route), ({ status }) => status)
  return Object.fromEntries(
    [...byStatus].map(([status, found]) => [
      status,
      {
        headers: refusalHeaders(status, found, route),
        ...(isOAuthPath(route.path) ? oauthReply(found) : problemReply(found, schemas)),
      },
    ]),
  )
}

// `x-problem-codes` lists the codes of a status. A schema for each list would be one more generated type.
const problemReply = (found: readonly ProblemDefinition[], schemas: Schemas) => {
  const plain = { $ref: '#/components/schemas/Problem' }
  const extended = found.flatMap(each => (each.members ? [extendedProblem(each, schemas)] : []))
  const schema = extended.length > 0 ? { anyOf: [plain, ...extended] } : plain
  return {
    description: found.map(({ code, title }) => `\`${code}\`: ${title}.`).join('\n\n'),
    content: { 'application/problem+json': { schema } },
    'x-problem-codes': found.map(({ code }) => code),
  }
}

/** A problem with members of its own, such as `MfaRequiredProblem`. */
const extendedProblem = (
  { code, title, members }: ProblemDefinition,
  schemas: Schemas,
): Record<string, unknown> => {
  if (!members) return {}
  const own = jsonSchema(members, 'output') as { required?: string[]; properties?: object }
  return schemas.add(`${pascal(code.toLowerCase())}Problem`, {
    type: 'object',
    description: `${title}.`,
    required: [...problem.required, ...(own.required ?? [])],
    properties: { ...problem.properties, code: { const: code }, ...own.properties },
  })
}
