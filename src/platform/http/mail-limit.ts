import type { Deps } from '../../deps.ts'
import { limits } from '../catalog/limits.ts'
import { sha256 } from '../crypto/derive.ts'
import type { Route } from './route.ts'

// A mailbox has one limit for each route, which the route's page shares. Separate limits, because a route that sends no
// email, for example to an address without an account, must not use up the points of one that does. The key is a hash,
// because Redis must not hold addresses.
const mailboxKey = (path: string, email: string): string =>
  sha256(`${path}\n${email}`).toString('base64url').slice(0, 22)

/**
 * Takes a point from the limit of the mailbox that a request names. Returns true if none was left. Any client can use
 * up these points, so the limit refuses no request: the route answers as usual and sends no further email.
 */
export const takeMailLimit = async (
  deps: Pick<Deps, 'limiter'>,
  route: Pick<Route, 'path' | 'limits'>,
  body: unknown,
): Promise<boolean> => {
  const { new_email, email = new_email } = (body ?? {}) as { email?: string; new_email?: string }
  if (email === undefined || !route.limits.includes(limits.mail)) return false
  const taken = await deps.limiter(limits.mail, mailboxKey(route.path.replace(/\/confirm$/, ''), email))
  return taken !== null && !taken.allowed
}
