import type { Client, Reply } from '../client.ts'
import { anEmail, password } from '../fixtures.ts'
import type { Session, Street } from './traffic.ts'

// An honest client: it holds one session and its newest refresh token, asks again what went unanswered or met a
// fault, at whichever instance comes next, and signs in again only where it is told that its session is none.

export type Honest = { step: () => Promise<void> }

const isOutage = (reply: Reply | null): boolean => reply === null || reply.status >= 500

/** Asks until there is an answer that is no fault. Null where the crowd has gone home before. */
const insist = async (
  street: Street,
  route: string,
  send: (client: Client) => Promise<Reply>,
  sessionSince: number | null = null,
): Promise<{ reply: Reply; again: boolean } | null> => {
  const firstAt = Date.now()
  for (let tries = 0; ; tries++) {
    const reply = await street.ask({ who: 'honest', route, send, sessionSince, firstAt })
    if (reply && !isOutage(reply)) return { reply, again: tries > 0 }
    if (street.isOver()) return null
    await street.rest(Math.min(100 * 2 ** tries, 400))
  }
}

const sessionOf = ({ body }: Reply, email: string): Session => ({
  email,
  userId: body.user.id,
  sessionId: body.session_id,
  access: body.access_token,
  refresh: body.refresh_token,
  since: Date.now(),
})

const count = (map: Map<string, number>, key: string): void => {
  map.set(key, (map.get(key) ?? 0) + 1)
}

const signIn = async (street: Street, email: string): Promise<Session | null> => {
  const told = await insist(street, 'login', c => c.post('login', { email, password }))
  if (told?.reply.status !== 200) return null
  const session = sessionOf(told.reply, email)
  count(street.ledger.logins, session.userId)
  street.ledger.live.add(session)
  return session
}

/** Where the first answer was lost the address is taken by then: by whoever asks, who can sign in. */
const register = async (street: Street): Promise<Session | null> => {
  const email = anEmail()
  const told = await insist(street, 'register', c => c.post('register', { email, password }))
  if (!told) return null
  const { reply, again } = told
  if (reply.status === 201) {
    const session = sessionOf(reply, email)
    street.ledger.users.push({ email, userId: session.userId })
    street.ledger.live.add(session)
    return session
  }
  if (reply.status === 202) street.ledger.users.push({ email, userId: reply.body.user.id })
  const mine = reply.status === 202 || (reply.status === 409 && again)
  return mine ? signIn(street, email) : null
}

const refresh = async (street: Street, session: Session): Promise<boolean> => {
  const { refresh: token, since } = session
  const told = await insist(street, 'refresh', c => c.post('refresh', { refresh_token: token }), since)
  if (!told) {
    // Whether it was spent is not known.
    street.ledger.live.delete(session)
    return true
  }
  if (told.reply.status !== 200) return false
  session.access = told.reply.body.access_token
  session.refresh = told.reply.body.refresh_token
  return true
}

const logout = async (street: Street, session: Session): Promise<void> => {
  const { access, refresh: token, since } = session
  street.ledger.live.delete(session)
  const byBearer = Math.random() < 0.5
  const send = (client: Client) =>
    byBearer
      ? client.post('logout', undefined, { token: access })
      : client.post('logout', { refresh_token: token })
  const told = await insist(street, 'logout', send, since)
  if (told?.reply.status === 204) street.ledger.ended.push(session)
}

/** Registers and signs in a client of the crowd. Each `step` of it is one thing that people do. */
export const joinAsHonest = async (street: Street): Promise<Honest> => {
  const joined = await register(street)
  if (!joined) throw new Error('an honest client was not let in, before anything was broken')
  const { email } = joined
  let session: Session | null = joined

  const lose = () => {
    if (session) street.ledger.live.delete(session)
    session = null
  }
  const steps: Record<string, (own: Session) => Promise<void>> = {
    me: async own => {
      const told = await insist(street, 'me', c => c.get('me', { token: own.access }), own.since)
      if (told?.reply.status === 401 && !(await refresh(street, own))) lose()
    },
    refresh: async own => {
      if (!(await refresh(street, own))) lose()
    },
    'log out and in': async own => {
      await logout(street, own)
      session = null
    },
    forgot: async own => {
      const told = await insist(street, 'forgot-password', c =>
        c.post('forgot-password', { email: own.email }),
      )
      if (told?.reply.status === 202) count(street.ledger.forgot, own.email)
    },
    register: async () => {
      await register(street)
    },
  }
  const mixed = [
    'me',
    'refresh',
    'me',
    'log out and in',
    'refresh',
    'me',
    'register',
    'refresh',
    'me',
    'forgot',
  ]
  let turn = Math.floor(Math.random() * mixed.length)
  return {
    step: async () => {
      session ??= await signIn(street, email)
      if (session) await steps[mixed[turn++ % mixed.length] ?? 'me']?.(session)
    },
  }
}
