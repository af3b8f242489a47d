import { randomBytes } from 'node:crypto'
import type { Ask, Question } from './soak-ask.ts'
import type { Account } from './soak-clients.ts'
import type { Tally } from './soak-tally.ts'

// Whoever tries what must not succeed. Any refusal will do, and so will a fault; a success never.

type Trying = { ask: Ask; tally: Tally }

/** Asks what must be refused. True where it was, by a 4xx. */
export const mustFail = async (
  { ask, tally }: Trying,
  what: string,
  question: Question,
): Promise<boolean> => {
  const { status } = await ask({ ...question, hostile: true })
  if (status >= 200 && status < 400) tally.wrong('successes of hostile clients', `${what}: ${status}`)
  return status >= 400 && status < 500
}

const text = (bytes: number): string => randomBytes(bytes).toString('base64url')

const garbage: (() => Question)[] = [
  () => ({ path: 'refresh', body: { refresh_token: `lkr_${text(80)}` } }),
  () => ({ path: 'refresh', body: { refresh_token: text(20) } }),
  () => ({ path: 'me', method: 'GET', token: `v4.public.${text(200)}` }),
  () => ({ path: 'me', method: 'GET', token: text(12) }),
  () => ({ path: 'sessions', method: 'GET' }),
  () => ({ path: 'login', body: '{"email":' }),
  () => ({ path: 'login', body: { email: { $ne: '' }, password: ['x'] } }),
  () => ({ path: 'register', body: { email: 'nobody', password: 'x', roles: ['admin'] } }),
  () => ({ path: 'reset-password', body: { token: `lkp_${text(48)}`, new_password: 'a pass of mine 1' } }),
  () => ({ path: 'verify-email', body: { token: text(48) } }),
  () => ({ path: 'me', method: 'PATCH', body: 'x'.repeat(17_000), as: 'me (17 kB)' }),
  () => ({ path: 'nowhere', method: 'GET' }),
]

export const tryGarbage = async (trying: Trying): Promise<void> => {
  const question = garbage[Math.floor(Math.random() * garbage.length)]?.()
  if (question) await mustFail(trying, 'garbage', question)
}

export const tryPassword = async (trying: Trying, { email }: Account): Promise<void> => {
  const body = { email, password: `guess ${text(6)}` }
  await mustFail(trying, 'a wrong password', { path: 'login', body, agent: 'thief/1.0' })
}

/** Presents a refresh token whose successor was used; then nothing of that session may be good any more. */
export const replayToken = async (trying: Trying, { email, password }: Account): Promise<void> => {
  const { ask } = trying
  const rotate = async (refresh_token: string): Promise<string | null> => {
    const { status, body } = await ask({ path: 'refresh', body: { refresh_token } })
    return status === 200 ? body.refresh_token : null
  }
  const { status, body } = await ask({ path: 'login', body: { email, password } })
  if (status !== 200) return
  const second = await rotate(body.refresh_token)
  const third = second && (await rotate(second))
  if (!third) return
  const replayed = { path: 'refresh', body: { refresh_token: body.refresh_token } }
  const found = await mustFail(trying, 'a refresh token of two turns ago', replayed)
  if (!found) return
  await mustFail(trying, 'the last token of a session that was stolen', {
    ...{ path: 'refresh', body: { refresh_token: third } },
  })
  await mustFail(trying, 'the access token of a session that was stolen', {
    ...{ path: 'me', method: 'GET', token: body.access_token },
  })
}
