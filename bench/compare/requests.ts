import type { Ask } from './connection.ts'
import type { Lane } from './lane.ts'
import type { Session } from './latchkey-data.ts'
import { type Person, password } from './people.ts'

// What is asked of whom. Every contestant is asked for the same, in its own words.

const post = (path: string, body: object, headers: Record<string, string> = {}): Ask => ({
  ...{ method: 'POST', path, headers, body: JSON.stringify(body) },
})

const get = (path: string, headers: Record<string, string>): Ask => ({ method: 'GET', path, headers })

const bearer = ({ access }: Session) => ({ Authorization: `Bearer ${access}` })

export type Words = {
  me: (session: Session) => Ask
  /** Null where nothing is verified without a store. */
  guarded: ((session: Session) => Ask) | null
  /** Null where sessions are renewed without a token for it. */
  refresh: Ask | null
  login: (person: Person) => Ask
  register: { ask: Ask; status: number }
}

const unknown = { email: 'new-{{unique}}@example.com', password }

const wordsOf = (base: string, statusOfRegister = 201): Words => ({
  me: session => get(`${base}/me`, bearer(session)),
  guarded: session => get('/guarded', bearer(session)),
  refresh: post(`${base}/refresh`, { refresh_token: '{{token}}' }),
  login: ({ email }) => post(`${base}/login`, { email, password }),
  register: { ask: post(`${base}/register`, unknown), status: statusOfRegister },
})

export const latchkeyWords: Words = wordsOf('/api/v1/auth')
export const handWrittenWords: Words = wordsOf('')
export const betterAuthWords: Words = {
  me: ({ cookie }) => get('/api/auth/get-session', { Cookie: cookie }),
  guarded: null,
  refresh: null,
  login: ({ email }) => post('/api/auth/sign-in/email', { email, password }),
  register: { ask: post('/api/auth/sign-up/email', { ...unknown, name: 'Ada Example' }), status: 200 },
}

/** Shares these out over so many connections. */
const dealt = <T>(all: T[], connections: number): T[][] =>
  Array.from({ length: connections }, (_, at) => all.filter((_, index) => index % connections === at))

export const cycling = (asks: Ask[], connections: number): Lane[] =>
  dealt(asks, connections).map(own => ({ asks: own, status: 200 }))

/** Of processes that have only just begun: a first crowd may be told to come back, and that is counted. */
export const patient = (lanes: Lane[]): Lane[] => lanes.map(lane => ({ ...lane, mayRefuse: true }))

/** Each connection renews a session of its own. */
export const rotating = (ask: Ask, tokens: string[]): Lane[] =>
  tokens.map(rotates => ({ asks: [ask], status: 200, rotates }))

/** Each connection hashes passwords over and over. */
export const hashing = (asks: Ask[], status: number, connections: number): Lane[] =>
  Array.from({ length: connections }, (_, at) => ({
    ...{ asks: [asks[at % asks.length] as Ask], status, mayRefuse: true },
  }))
