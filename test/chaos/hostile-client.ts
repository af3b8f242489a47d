import { randomBytes } from 'node:crypto'
import { anEmail, password } from '../fixtures.ts'
import type { Account, Ledger, Rig } from './account.ts'
import type { ApiRequest } from './recorder.ts'

// Attackers: what they try must be refused, even during a fault. They have accounts of their own, so that no honest
// client is slowed down by them.

export type Attacker = {
  email: string
  /** Of a session that was logged out. */
  revokedAccess: string
  revokedRefresh: string
  /** Of a session that continues: the token before its last two. */
  usedRefresh: string
  liveRefresh: string
}

/** Sends what must be refused. Returns whether it was, by a 4xx. */
export const mustFail = async (rig: Rig, attempt: string, request: ApiRequest): Promise<boolean> => {
  const reply = await rig.request({ ...request, actor: 'hostile', attempt })
  if (!reply) return false
  const { status } = reply
  if (status < 400) rig.onViolation('successes of hostile clients', `${attempt}: ${status}`)
  return status >= 400 && status < 500
}

/** Gets an attacker its tokens. Throws if a request fails: no fault has begun. */
export const prepareAttacker = async (rig: Rig): Promise<Attacker> => {
  const ask = async (path: string, body: object) => {
    const reply = await rig.request({ path, body, actor: 'probe' })
    if (!reply || reply.status >= 300) throw new Error(`${path} answered ${reply?.status} before any fault`)
    return reply.body
  }
  const email = anEmail()
  const first = await ask('register', { email, password })
  const revoked = await ask('login', { email, password })
  await ask('logout', { refresh_token: revoked.refresh_token })
  let live: string = first.refresh_token
  for (let i = 0; i < 2; i++) live = (await ask('refresh', { refresh_token: live })).refresh_token
  return {
    email,
    revokedAccess: revoked.access_token,
    revokedRefresh: revoked.refresh_token,
    usedRefresh: first.refresh_token,
    liveRefresh: live,
  }
}

const oneOf = <T>(list: readonly T[]): T | undefined => list[Math.floor(Math.random() * list.length)]

/** A token of the same format with one changed letter. */
const forged = (token: string): string => {
  const at = 10 + Math.floor(Math.random() * (token.length - 20))
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

const random = (bytes: number): string => randomBytes(bytes).toString('base64url')
const me = (token?: string): ApiRequest => ({ path: 'me', method: 'GET', token })
const refresh = (refresh_token: string): ApiRequest => ({ path: 'refresh', body: { refresh_token } })
const login = (body: unknown): ApiRequest => ({ path: 'login', body })
const reset = (token: string): ApiRequest => ({
  path: 'reset-password',
  body: { token, new_password: 'a stolen 7 phrase' },
})

const attempts: Record<string, (attacker: Attacker, ledger: Ledger) => ApiRequest> = {
  'a wrong password': ({ email }) => login({ email, password: 'wrong horse 9' }),
  'login to an unknown account': () => login({ email: anEmail(), password }),
  'a revoked access token': ({ revokedAccess }) => me(revokedAccess),
  'a forged access token': ({ revokedAccess }) => me(forged(revokedAccess)),
  'a made-up access token': () => me(`v4.public.${random(200)}`),
  'a short access token': () => me(random(12)),
  'no access token': () => me(),
  'the session list without a token': () => ({ path: 'sessions', method: 'GET' }),
  'the access token of a user who signed out': ({ revokedAccess }, { ended }) =>
    me(oneOf(ended)?.access ?? revokedAccess),
  'a revoked refresh token': ({ revokedRefresh }) => refresh(revokedRefresh),
  'a used refresh token': ({ usedRefresh }) => refresh(usedRefresh),
  'a forged refresh token': ({ liveRefresh }) => refresh(forged(liveRefresh)),
  'a made-up refresh token': () => refresh(`lkr_${random(80)}`),
  'a short refresh token': () => refresh(random(20)),
  'the refresh token of a user who signed out': ({ revokedRefresh }, { ended }) =>
    refresh(oneOf(ended)?.refresh ?? revokedRefresh),
  'a made-up reset token': () => reset(random(48)),
  'a made-up reset token with its prefix': () => reset(`lkp_${random(48)}`),
  'a made-up verification token': () => ({ path: 'verify-email', body: { token: random(48) } }),
  'broken JSON': () => login('{"email":'),
  'an operator for an email address': () => login({ email: { $ne: '' }, password: ['x'] }),
  'a role at registration': () => ({
    path: 'register',
    body: { email: 'not an address', password: 'x', roles: ['admin'] },
  }),
  'a body of 17 kB': () => ({ path: 'me', method: 'PATCH', body: 'x'.repeat(17_000), route: 'me (17 kB)' }),
  'an unknown route': () => ({ path: 'nowhere', method: 'GET' }),
}
const names = Object.keys(attempts)

/** Tries one thing that must fail. */
export const attack = async (rig: Rig, attacker: Attacker): Promise<void> => {
  const name = oneOf(names) ?? ''
  const request = attempts[name]?.(attacker, rig.ledger)
  if (request) await mustFail(rig, name, request)
}

export const guessPassword = async (rig: Rig, { email }: Account): Promise<void> => {
  const request = { ...login({ email, password: `guess ${random(6)}` }), userAgent: 'thief/1.0' }
  await mustFail(rig, 'a guessed password', request)
}

/** Presents a refresh token whose successor was used. Then no token of that session may work any more. */
export const replayToken = async (rig: Rig, { email, password: word }: Account): Promise<void> => {
  const rotate = async (token: string): Promise<string | null> => {
    const reply = await rig.request({ ...refresh(token), actor: 'honest' })
    return reply?.status === 200 ? reply.body.refresh_token : null
  }
  const signedIn = await rig.request({ ...login({ email, password: word }), actor: 'honest' })
  if (signedIn?.status !== 200) return
  const { access_token, refresh_token } = signedIn.body
  const second = await rotate(refresh_token)
  const third = second && (await rotate(second))
  if (!third) return
  const detected = await mustFail(rig, 'a refresh token of two exchanges ago', refresh(refresh_token))
  if (!detected) return
  await mustFail(rig, 'the last refresh token of a stolen session', refresh(third))
  await mustFail(rig, 'the access token of a stolen session', me(access_token))
}
