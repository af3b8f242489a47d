import type { Claims } from './claims.ts'
import type { Verifier } from './verifier.ts'

/** The claims of a token that needs no wait; null for any other, of which `verify` says more. */
export type Recall = (token: string) => Claims | null

type Verify = Verifier['verify']

const key = Symbol('recall')

/**
 * Adds the answer that needs no wait, which is that of most requests: the guards then take no turn of the event loop. It
 * belongs to the function, not to the verifier: a copy of a verifier with another `verify` must not pass that by.
 */
export const withRecall = (verify: Verify, recall: Recall): Verify => Object.assign(verify, { [key]: recall })

/** The claims of an `Authorization` whose token needs no wait; null for any other. */
export const recallBearer = (authorization: string, verify: Verify & { [key]?: Recall }): Claims | null =>
  authorization.startsWith('Bearer ') ? (verify[key]?.(authorization.slice(7)) ?? null) : null
