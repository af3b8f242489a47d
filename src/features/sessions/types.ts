import type { Machine } from '../clients/types.ts'
import type { User } from '../users/types.ts'
import type { Amr } from './authentication.ts'

/** When and how the user of a session authenticated. `authTime` is in milliseconds. */
export type SessionState = { epoch: number; authTime: number; amr: readonly Amr[] }

/** The caller of a route that takes the tokens of users and of machine clients. */
export type AnyCaller =
  | { user: User; sessionId: string; session: SessionState; machine: null }
  | { user: null; sessionId: null; session: null; machine: Machine }
