import { clientId } from '../../features/clients/schemas.ts'
import type { Code, Problem } from '../../platform/catalog/problems.ts'
import { type Outcome, refused } from './command.ts'

/** The argument of a command for one client. */
export const clientArgument = { schema: clientId, help: 'the id of the client, such as lkc_019a…' }

const texts: Readonly<Record<string, string>> = {
  NOT_FOUND: 'There is no such client, or it is revoked. See "latchkey clients list".',
  SECRET_LIMIT_REACHED:
    'The client already has two secrets. Drop one of them with "latchkey clients drop-secret", then try again.',
} satisfies Partial<Record<Code, string>>

export const clientRefusal = (problem: Problem): Outcome =>
  refused(problem.code, texts[problem.code] ?? problem.definition.title)

/** The secret stands alone on its line, so that a script can cut it out. */
export const showSecret = (text: string, secret: string): string =>
  `${text}\n\n${secret}\n\nStore the secret now: it is not shown again.`
