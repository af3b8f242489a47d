import { createHash, randomBytes } from 'node:crypto'
import bcrypt from 'bcrypt'
import pg from 'pg'

// The stores of the two hand-written services: one pool, and one prepared statement a request, two for a login.

export type User = { id: string; email: string; password_hash: string }

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL ?? '', max: 10 })

const columns = `id, email, email_verified, full_name, phone, address, preferred_language, picture_url, roles, is_active,
  last_login_at, created_at, updated_at`

const run = async <Row extends object>(name: string, text: string, values: unknown[]): Promise<Row[]> =>
  (await pool.query<Row>({ name, text, values })).rows

export const userById = async (id: string): Promise<User | undefined> =>
  (await run<User>('user-by-id', `SELECT ${columns} FROM users WHERE id = $1`, [id]))[0]

const userByEmail = async (email: string): Promise<User | undefined> =>
  (
    await run<User>('user-by-email', `SELECT ${columns}, password_hash FROM users WHERE email = $1`, [
      email.toLowerCase(),
    ])
  )[0]

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

const newToken = (): string => randomBytes(32).toString('base64url')

/** Of an access token, in seconds. */
export const lifetime = 3600

/** A refresh token of seven days. */
const issueRefresh = async (userId: string): Promise<string> => {
  const token = newToken()
  await run(
    'issue',
    `INSERT INTO refresh_tokens (token_hash, user_id, expires_at) VALUES ($1, $2, now() + interval '7 days')`,
    [hashOf(token), userId],
  )
  return token
}

/** The reply to a login. */
export const sessionOf = async (user: User, accessToken: string) => ({
  access_token: accessToken,
  token_type: 'Bearer',
  expires_in: lifetime,
  refresh_token: await issueRefresh(user.id),
  user,
})

/** Exchanges a refresh token for the next one. Null if it is not valid. */
export const rotateRefresh = async (token: string): Promise<{ userId: string; token: string } | null> => {
  const next = newToken()
  const [row] = await run<{ user_id: string }>(
    'rotate',
    `UPDATE refresh_tokens SET token_hash = $2, expires_at = now() + interval '7 days'
     WHERE token_hash = $1 AND expires_at > now() RETURNING user_id`,
    [hashOf(token), hashOf(next)],
  )
  return row ? { userId: row.user_id, token: next } : null
}

/** The user whose password this is, or null. */
export const userByPassword = async (email: string, password: string): Promise<User | null> => {
  const found = await userByEmail(email)
  if (!found || !(await bcrypt.compare(password, found.password_hash))) return null
  await run('logged-in', 'UPDATE users SET last_login_at = now() WHERE id = $1', [found.id])
  const { password_hash: _hash, ...user } = found
  return user as User
}
