import { randomBytes } from 'node:crypto'
import bcrypt from 'bcrypt'
import type { Client } from './client.ts'

export const password = 'correct horse 9'

/** An address that nobody else in the world has. */
export const anEmail = (): string => `user-${randomBytes(6).toString('hex')}@example.com`

export type Account = {
  email: string
  password: string
  userId: string
  sessionId: string
  access: string
  refresh: string
}

/** Registers somebody, and throws where that fails. On a busy machine the session may have to be asked for again. */
export const anAccount = async (client: Client, given: Record<string, unknown> = {}): Promise<Account> => {
  const body = { email: anEmail(), password, ...given }
  const made = await client.post('register', body)
  const { email, password: word } = body
  const reply = made.status === 202 ? await client.post('login', { email, password: word }) : made
  if (reply.status >= 300) throw new Error(`register answered ${made.status}: ${reply.text}`)
  const { access_token: access, refresh_token: refresh, session_id: sessionId, user } = reply.body
  return { email: user.email, password: body.password, userId: user.id, sessionId, access, refresh }
}

/** A bcrypt hash of the cost that most tests are configured with. */
export const hashOf = (word: string): Promise<string> => bcrypt.hash(word, 4)

/** The token in a mailed link. */
export const tokenOf = (link: string): string => new URL(link).searchParams.get('token') ?? ''
