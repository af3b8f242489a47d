import { randomBytes } from 'node:crypto'
import type { Client, Reply } from '../client.ts'
import { anEmail, password } from '../fixtures.ts'
import type { Street } from './traffic.ts'

// Those who may not come in, whatever is broken. They have accounts of their own, so that nobody honest waits for
// what they did.

export type Attacker = {
  email: string
  /** Of a session that was logged out. */
  deadAccess: string
  deadRefresh: string
  /** Of a session that goes on: the token before its last two. */
  spentRefresh: string
  liveRefresh: string
}

const well = (reply: Reply | null, what: string): Reply => {
  if (!reply || reply.status >= 300)
    throw new Error(`${what} answered ${reply?.status}, before anything was broken`)
  return reply
}

/** Brings a hostile client the tokens that it will try. */
export const prepareAssault = async (street: Street): Promise<Attacker> => {
  const asked = async (route: string, send: (client: Client) => Promise<Reply>) =>
    well(await street.ask({ who: 'probe', route, send }), route)
  const email = anEmail()
  const first = (await asked('register', c => c.post('register', { email, password }))).body
  const dead = (await asked('login', c => c.post('login', { email, password }))).body
  await asked('logout', c => c.post('logout', { refresh_token: dead.refresh_token }))
  let live = first.refresh_token as string
  for (let i = 0; i < 2; i++)
    live = (await asked('refresh', c => c.post('refresh', { refresh_token: live }))).body.refresh_token
  return {
    email,
    deadAccess: dead.access_token,
    deadRefresh: dead.refresh_token,
    spentRefresh: first.refresh_token,
    liveRefresh: live,
  }
}

const oneOf = <T>(list: readonly T[]): T | undefined => list[Math.floor(Math.random() * list.length)]

/** Another token of the same make: no letter of it may be changed. */
const forged = (token: string): string => {
  const at = 10 + Math.floor(Math.random() * (token.length - 20))
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

const tricks: Record<string, (attacker: Attacker, street: Street) => (client: Client) => Promise<Reply>> = {
  'login by a wrong password':
    ({ email }) =>
    c =>
      c.post('login', { email, password: 'wrong horse 9' }),
  'login of nobody': () => c => c.post('login', { email: anEmail(), password }),
  'me by a revoked token':
    ({ deadAccess }) =>
    c =>
      c.get('me', { token: deadAccess }),
  'me by a forged token':
    ({ deadAccess }) =>
    c =>
      c.get('me', { token: forged(deadAccess) }),
  'me without a token': () => c => c.get('me'),
  'refresh by an ended token':
    ({ deadRefresh }) =>
    c =>
      c.post('refresh', { refresh_token: deadRefresh }),
  'refresh by a spent token':
    ({ spentRefresh }) =>
    c =>
      c.post('refresh', { refresh_token: spentRefresh }),
  'refresh by a forged token':
    ({ liveRefresh }) =>
    c =>
      c.post('refresh', { refresh_token: forged(liveRefresh) }),
  'reset by a made-up token': () => c =>
    c.post('reset-password', {
      token: randomBytes(48).toString('base64url'),
      new_password: 'a stolen 7 phrase',
    }),
  'me of somebody who left': ({ deadAccess }, { ledger }) => {
    const token = oneOf(ledger.ended)?.access ?? deadAccess
    return c => c.get('me', { token })
  },
  'refresh of somebody who left': ({ deadRefresh }, { ledger }) => {
    const refresh_token = oneOf(ledger.ended)?.refresh ?? deadRefresh
    return c => c.post('refresh', { refresh_token })
  },
}
const names = Object.keys(tricks)

/** Tries one thing that must fail. */
export const assault = async (street: Street, attacker: Attacker): Promise<void> => {
  const route = oneOf(names) ?? ''
  const send = tricks[route]?.(attacker, street)
  if (send) await street.ask({ who: 'hostile', route, send })
}
