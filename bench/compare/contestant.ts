import type { Session } from './latchkey-data.ts'
import type { Person } from './people.ts'
import type { Launch, Running } from './process.ts'
import type { Words } from './requests.ts'

/** Who is measured. `renewals` are sessions that nobody has used yet: they are taken from it as they are spent. */
export type Contestant = {
  name: string
  words: Words
  launch: Launch
  running: Running
  sessions: Session[]
  renewals: Session[]
  logins: Person[]
}

export const names = {
  latchkey: 'Latchkey',
  express: 'Express + jsonwebtoken',
  fastify: 'Fastify + @fastify/jwt',
  betterAuth: 'Better Auth',
  betterAuthRedis: 'Better Auth, sessions in Redis',
} as const

/** How many sessions `me` is asked with, how many are renewed at the same time, and how often that is measured. */
export type Crowd = { sessions: number; renewals: number; logins: number }

/** Starts a server that ends with the others, whatever comes after it. */
export type Start = (launch: Launch) => Promise<Running>
