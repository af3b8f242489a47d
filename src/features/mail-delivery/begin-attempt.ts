import type { Deps } from '../../deps.ts'
import { type Email, Emails } from '../../platform/mail/entity.ts'
import type { Statement } from '../../platform/postgres/prepared-read.ts'
import { runPrepared } from '../../platform/postgres/run-prepared.ts'
import { type User, Users } from '../users/entity.ts'
import type { Registration } from '../users/find-registration.ts'
import { registrationQuery } from '../users/registration-query.ts'
import { leaseSeconds } from './lease.ts'

/** An attempt that has begun: the email, the account that has its address, and what a verification says of its registration. */
export type Attempt = { email: Email; user: User | null; registration: Registration | null }

// `RETURNING *` would break a prepared statement when a migration adds a column.
const emailColumns = Object.keys(Emails.options.columns)
const userColumns = Object.keys(Users.options.columns)

// One statement, as each further one costs another round trip.
//
// The first attempt names the secret that the token of the email derives from, so that a retry sends the same link even if
// its worker has another current secret. Attempts of a version without that name used the oldest secret.
const begin: Statement = {
  name: 'begin-email-attempt',
  text: `WITH e AS (
      UPDATE emails SET attempts = attempts + 1, held_until = now() + interval '${leaseSeconds} seconds',
        secret_id = CASE WHEN secret_id = ANY($2::text[]) THEN secret_id
          WHEN secret_id IS NULL AND attempts > 0 THEN $3 ELSE $4 END
      WHERE id = $1 AND status = 'queued' AND (held_until IS NULL OR held_until <= now())
      RETURNING ${emailColumns.join(', ')}, extract(epoch FROM now() - created_at)::float8 * 1000 AS age
    )
    SELECT e.*, ${userColumns.map(name => `u.${name} AS "user.${name}"`).join(', ')},
      r.created_at AS "registration.time", r.ip AS "registration.ip", r.user_agent AS "registration.userAgent"
    FROM e
    LEFT JOIN users u ON u.id = coalesce(e.user_id, (SELECT id FROM users WHERE email = e.recipient))
    LEFT JOIN LATERAL (${registrationQuery(`CASE WHEN e.kind = 'verify_email' THEN u.id END`)}) r ON true`,
}

type Row = Record<string, unknown> & {
  age: number
  'registration.time': Date | null
  'registration.ip': string
  'registration.userAgent': string | null
}

const columnsOf = (row: Row, names: readonly string[], prefix = ''): unknown =>
  Object.fromEntries(names.map(name => [name, row[prefix + name]]))

const registrationOf = (row: Row): Registration | null => {
  const time = row['registration.time']
  return time && { time, ip: row['registration.ip'], userAgent: row['registration.userAgent'] ?? '' }
}

/** Begins an attempt and counts it. Returns null if the email is settled, or another attempt has the lease. */
export const beginAttempt = async (
  { database, secrets }: Pick<Deps, 'database' | 'secrets'>,
  id: string,
): Promise<Attempt | null> => {
  const ids = secrets.all.map(keys => keys.id)
  const at = performance.now()
  const [row] = await runPrepared<Row>(database, begin, [id, ids, ids.at(-1), ids[0]])
  if (!row) return null
  const email = columnsOf(row, emailColumns) as Email
  const user = row['user.id'] === null ? null : (columnsOf(row, userColumns, 'user.') as User)
  return {
    email: { ...email, age: { milliseconds: row.age, at } },
    user,
    registration: registrationOf(row),
  }
}
