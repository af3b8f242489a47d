import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Ask } from './soak-ask.ts'
import type { Letter } from './soak-mail.ts'
import type { Tally } from './soak-tally.ts'

// Honest clients, as they are written by somebody who read the documentation: they wait for as long as `Retry-After`
// says, present a refresh token again where its answer was lost, and sign in again only where they are told to.

export type Session = { access: string; refresh: string; expiresAt: number; presented: number }

export type Account = {
  email: string
  password: string
  /** The password that may hold instead, after a change that nobody knows the outcome of. */
  maybe: string | null
  /** What the profile must say; undefined after a change that nobody knows the outcome of. */
  name: string | undefined
  verified: boolean
  /** The mailed link that its owner waits for, how often it was asked for, and since when. */
  awaits: 'verify-email' | 'reset-password' | null
  asked: number
  since: number
  resets: number
  session: Session | null
  busy: boolean
  /** Never signs out: its one session must last from the beginning to the end. */
  steady: boolean
}

export type Visit = { ask: Ask; tally: Tally; account: Account }

export const newPassword = (): string => `soak ${randomBytes(6).toString('hex')} 7`

export const newAccount = (steady: boolean): Account => ({
  email: `soak-${randomBytes(6).toString('hex')}@example.com`,
  password: newPassword(),
  ...{ maybe: null, name: undefined, verified: false, awaits: null, asked: 0, since: 0, resets: 0 },
  ...{ session: null, busy: false, steady },
})

const timeoutMs = 60_000

/** `unsure`: an earlier try went unanswered or met a fault, so it may have been done. */
type Insisted = { answer: Answer; unsure: boolean; refused: boolean }

/** `onceOnly`: what was done by a try whose answer was lost is refused the next time. */
type Manner = { tries?: number; onceOnly?: boolean }

const waitOf = ({ status, headers }: Answer): number =>
  status === 503 ? Number(headers['retry-after'] ?? 1) * 1000 + Math.random() * 500 : 200

/**
 * Asks until there is an answer that is no fault. One that is not among the `fine` is counted as wrong, unless what can
 * be done only once may have been done by an earlier try.
 */
export const insist = async (
  { tally }: Visit,
  send: () => Promise<Answer>,
  fine: number[],
  { tries = Number.POSITIVE_INFINITY, onceOnly = false }: Manner = {},
): Promise<Insisted> => {
  const until = performance.now() + timeoutMs
  let unsure = false
  for (let left = tries; ; ) {
    const answer = await send()
    const { status, body } = answer
    const faulty = status === 0 || status >= 500
    if (!faulty || --left <= 0 || performance.now() > until) {
      const refused = !faulty && !fine.includes(status)
      if (refused && unsure && onceOnly)
        tally.note(`${status} ${body?.code ?? ''} to another try, after a first that met a fault`)
      else if (refused)
        tally.wrong(
          status === 429 ? '429 to honest clients' : 'refusals of honest clients',
          sayRefusal(answer),
        )
      return { answer, unsure, refused: refused || faulty }
    }
    unsure = true
    await sleep(waitOf(answer))
  }
}

const sayRefusal = ({ status, body, headers }: Answer): string =>
  `${status} ${body?.code ?? ''} ${headers['x-request-id'] ?? ''} ${JSON.stringify(body?.errors ?? '')}`

export const sessionOf = ({ body }: Answer): Session => ({
  access: body.access_token,
  refresh: body.refresh_token,
  expiresAt: performance.now() + body.expires_in * 1000,
  presented: 0,
})

/** A mail, once asked for, is asked for again only by somebody who has waited: three in an hour are all there are. */
const mailTries = 2

export const register = async (visit: Visit): Promise<void> => {
  const { ask, account, tally } = visit
  const { email, password } = account
  const body = { email, password, full_name: 'Soak' }
  const send = () => ask({ path: 'register', body })
  const { answer, refused } = await insist(visit, send, [201, 202], { onceOnly: true })
  account.name = 'Soak'
  if (answer.status === 201) account.session = sessionOf(answer)
  if (refused && answer.status !== 409) return
  expectLetter(account, 'verify-email', tally)
}

const expectLetter = (account: Account, page: NonNullable<Account['awaits']>, tally: Tally): void => {
  account.awaits = page
  account.asked++
  account.since = tally.now()
}

export const signIn = async (visit: Visit): Promise<void> => {
  const { ask, account } = visit
  const { email, password, maybe } = account
  account.session = null
  const fine = maybe === null ? [200] : [200, 401]
  const send = () => ask({ path: 'login', body: { email, password } })
  const { answer } = await insist(visit, send, fine)
  if (answer.status === 200) {
    account.session = sessionOf(answer)
    account.maybe = null
  }
  if (answer.status === 401 && maybe !== null) {
    account.password = maybe
    account.maybe = null
  }
}

/** Asks for something that a session gives, with a token that has not expired. */
export const withSession = async (
  visit: Visit,
  question: Parameters<Ask>[0],
  fine: number[],
  manner: Manner = {},
): Promise<Insisted | null> => {
  const { ask, account } = visit
  if (account.session && account.session.expiresAt - performance.now() < 20_000) await refresh(visit)
  const { session } = account
  if (!session) return null
  return insist(visit, () => ask({ ...question, token: session.access }), fine, manner)
}

/** Exchanges the refresh token. A refusal is a session that was lost. */
export const refresh = async (visit: Visit, way: 'once' | 'lost' | 'twice' = 'once'): Promise<void> => {
  const { ask, account, tally } = visit
  const { session } = account
  if (!session) return
  const began = performance.now()
  const send = () => {
    session.presented++
    return ask({ path: 'refresh', body: { refresh_token: session.refresh } })
  }
  const beside = way === 'twice' ? send() : null
  const unread = way === 'lost' ? await send() : null
  const { answer } = await insist(visit, send, [200, 401])
  const same = [await beside, unread].filter(other => other?.status === 200)
  if (answer.status === 200) {
    if (same.some(other => other?.body.refresh_token !== answer.body.refresh_token))
      tally.wrong('one refresh token with two successors')
    account.session = { ...sessionOf(answer), presented: session.presented }
    return
  }
  account.session = null
  if (answer.status === 401)
    tally.wrong(
      'sessions lost',
      `${way}, first presented ${((performance.now() - began) / 1000).toFixed(1)} s ago, ${answer.headers['x-request-id']}`,
    )
}

export const forgot = async (visit: Visit): Promise<void> => {
  const { ask, account, tally } = visit
  account.resets++
  const send = async () => {
    const answer = await ask({ path: 'forgot-password', body: { email: account.email } })
    if (answer.status >= 500 || answer.status === 0) await sleep(12_000)
    return answer
  }
  const { refused, unsure } = await insist(visit, send, [202], { tries: mailTries })
  if (refused) return
  expectLetter(account, 'reset-password', tally)
  if (unsure) account.asked++
}

/** Whether this is the letter that its owner waits for. */
export const isAwaited = (account: Account, { page }: Letter): boolean => account.awaits === page
