import type { Account } from './accounts.ts'
import type { Session } from './latchkey-data.ts'
import type { Launch, Running } from './process.ts'
import type { TargetRequests } from './requests.ts'

/** A service that is measured. `renewals` are unused sessions for refreshes, removed from the list as they are used. */
export type Target = {
  name: string
  requests: TargetRequests
  launch: Launch
  running: Running
  sessions: Session[]
  renewals: Session[]
  logins: Account[]
}

export const names = {
  latchkey: 'Latchkey',
  express: 'Express + jsonwebtoken',
  fastify: 'Fastify + @fastify/jwt',
  betterAuthRedis: 'Better Auth, sessions in Redis',
} as const

/** How many sessions request `me`, how many refresh at the same time, and how many accounts sign in. */
export type LoadSize = { sessions: number; renewals: number; logins: number }

/** Starts a server that stops at the end of the run, even if a later start fails. */
export type Start = (launch: Launch) => Promise<Running>
