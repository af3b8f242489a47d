import { emails } from '../../platform/catalog/emails.ts'
import type { PreparedReads, Statement } from '../../platform/postgres/prepared-read.ts'
import { type User, Users } from './entity.ts'

/** The columns of a `User`, for SQL. */
export const userColumns = Object.keys(Users.options.columns).join(', ')

const byId: Statement = { name: 'user-by-id', text: `SELECT ${userColumns} FROM users WHERE id = $1` }
const byEmail: Statement = {
  name: 'user-by-email',
  text: `SELECT ${userColumns} FROM users WHERE email = $1`,
}

/** The user with this id, in any state, or null. */
export const findUser = async (reads: PreparedReads, id: string): Promise<User | null> =>
  (await reads.run<User>(byId, [id]))[0] ?? null

const ofSession: Statement = {
  name: 'user-of-session',
  text: `SELECT ${userColumns} FROM users WHERE id = $1 AND NOT EXISTS
    (SELECT 1 FROM audit_events WHERE session_id = $2 AND type IN ('session.ended', 'session.reused'))`,
}

/**
 * The user of a session, unless an audit event says that the session ended. A Redis that was restored from an older state
 * would still hold such a session.
 */
export const findUserOfSession = async (
  reads: PreparedReads,
  userId: string,
  sessionId: string,
): Promise<User | null> => (await reads.run<User>(ofSession, [userId, sessionId]))[0] ?? null

/** The user with this address, in any state, or null. `email` must be in canonical form. */
export const findUserByEmail = async (reads: PreparedReads, email: string): Promise<User | null> =>
  (await reads.run<User>(byEmail, [email]))[0] ?? null

const hashesInUse: Statement = {
  name: 'hashes-in-use',
  text: `WITH RECURSIVE one AS (
      (SELECT password_hash AS hash FROM users WHERE password_form(password_hash) IS NOT NULL
        ORDER BY password_form(password_hash) LIMIT 1)
      UNION ALL
      SELECT (SELECT password_hash FROM users WHERE password_form(password_hash) > password_form(one.hash)
               ORDER BY password_form(password_hash) LIMIT 1)
        FROM one WHERE one.hash IS NOT NULL
    )
    SELECT hash FROM one WHERE hash IS NOT NULL LIMIT 100`,
}

/**
 * Finds one stored hash of each form (algorithm and cost) in use. It takes an index step for each.
 * Each login reads them, so that every instance sees the hashes of an import at once.
 */
export const findHashesInUse = async (reads: PreparedReads): Promise<string[]> =>
  (await reads.run<{ hash: string }>(hashesInUse, [])).map(({ hash }) => hash)

const usersChangingTo: Statement = {
  name: 'users-changing-to',
  text: `SELECT user_id AS id FROM emails
    WHERE kind = 'email_change' AND recipient = $1 AND (proof_spent_at IS NULL OR proof_used_at IS NOT NULL)
      AND status <> 'dropped'
      AND created_at > now() - $2 * interval '1 millisecond'
    GROUP BY user_id ORDER BY max(id::text COLLATE "C") DESC LIMIT 100`,
}

/**
 * Finds the users whose email change to this address can still be confirmed or was confirmed recently, the latest first.
 * The limits of email requests allow fewer than 100 such emails to one address in the life of a code.
 */
export const findUsersChangingTo = (reads: PreparedReads, email: string): Promise<Pick<User, 'id'>[]> =>
  reads.run<Pick<User, 'id'>>(usersChangingTo, [email, emails.email_change.token.lifetime])
