import type { Claims } from './claims.ts'
import type { Verifier } from './verifier.ts'

/** The claims of a token that needs no wait; null for any other, of which `verify` says more. */
export type Recall = (token: string) => Claims | null

type Verify = Verifier['verify']

/** Not a property of `verify`: a `Proxy` of it, or a copy with all properties, would have that too. */
const recalls = new WeakMap<Verify, Recall>()

/**
 * Adds the answer that needs no wait, which is that of most requests: the guards then take no turn of the event loop. It
 * belongs to the function, not to the verifier: a copy of a verifier with another `verify` must not pass that by.
 */
export const withRecall = (verify: Verify, recall: Recall): Verify => {
  recalls.set(verify, recall)
  return verify
}

/** The claims of an `Authorization` whose token needs no wait; null for any other. */
export const recallBearer = (authorization: string, verify: Verify): Claims | null =>
  authorization.startsWith('Bearer ') ? (recalls.get(verify)?.(authorization.slice(7)) ?? null) : null
