import type { Machine } from '../clients/types.ts'
import type { User } from '../users/types.ts'
import type { SessionState } from './store.ts'

/** The caller of a route that takes the tokens of users and of machine clients. */
export type AnyCaller =
  | { user: User; sessionId: string; session: SessionState; machine: null }
  | { user: null; sessionId: null; session: null; machine: Machine }
