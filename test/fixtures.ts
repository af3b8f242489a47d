import { randomBytes } from 'node:crypto'
import bcrypt from 'bcrypt'
import { example } from '../src/platform/catalog/examples.ts'
import type { Client } from './client.ts'

export const password: string = example.password

/** A unique email address. */
export const anEmail = (): string => `user-${randomBytes(6).toString('hex')}@example.com`

export type Account = {
  email: string
  password: string
  userId: string
  sessionId: string
  access: string
  refresh: string
}

/** Registers a user. Throws if that fails. On a busy machine the reply may be a 202 without a session: then it signs in. */
export const anAccount = async (client: Client, given: Record<string, unknown> = {}): Promise<Account> => {
  const body = { email: anEmail(), password, ...given }
  const registered = await client.post('register', body)
  const { email, password: plainPassword } = body
  const reply =
    registered.status === 202 ? await client.post('login', { email, password: plainPassword }) : registered
  if (reply.status >= 300) throw new Error(`register answered ${registered.status}: ${reply.text}`)
  const { access_token: access, refresh_token: refresh, session_id: sessionId, user } = reply.body
  return { email: user.email, password: body.password, userId: user.id, sessionId, access, refresh }
}

/** A bcrypt hash with the cost that most tests use. */
export const hashOf = (plainPassword: string): Promise<string> => bcrypt.hash(plainPassword, 4)

/**
 * A text of the same form whose last character differs. `w` and `A` differ in their highest bits, so base64url decodes the two
 * texts to different bytes, even if a decoder ignores the lowest bits of the last character.
 */
export const withOtherEnd = (text: string): string => text.slice(0, -1) + (text.endsWith('w') ? 'A' : 'w')

/** A text without its mailed tokens, whose random letters may form any short word. */
export const withoutToken = (text: string): string => text.replaceAll(/lkp_[\w-]+/g, 'lkp_')

/** Matches a refresh token or a mailed token, but not the same four characters within an access token or a hash. */
export const opaqueToken = /(?<![\w.-])lk[pr]_[\w-]{64}/

/** The year now and that of a minute ago, which differ at the beginning of a year. */
export const recentYears = (): string[] =>
  [0, 60_000].map(ago => String(new Date(Date.now() - ago).getUTCFullYear()))

/** The token in a mailed link. */
export const tokenOf = (link: string): string => new URL(link).searchParams.get('token') ?? ''
