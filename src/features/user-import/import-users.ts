import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { parseLine } from './parse-line.ts'
import type { ImportedUser } from './schemas.ts'
import type { Line } from './types.ts'

const batchSize = 500
/** Rejected lines that are listed one by one. A broken file of millions of lines must not fill the memory. */
const maxListed = 10_000

// One statement inserts the accounts and their audit events, so that no account exists without its event.
const insert = async (database: Deps['database'], users: ImportedUser[], origin: Origin): Promise<number> => {
  const inserted: unknown[] = await database.query(
    `WITH line AS (
       SELECT * FROM jsonb_to_recordset($1) AS line (id uuid, event_id uuid, email text, password_hash text,
         email_verified boolean, full_name text, phone text, address text, preferred_language text, roles text[],
         created_at timestamptz)
     ), made AS (INSERT INTO users (id, email, password_hash, email_verified, full_name, phone, address, preferred_language,
       roles, created_at)
     SELECT id, email, password_hash, email_verified, full_name, phone, address, preferred_language, roles, created_at
     FROM line
     ON CONFLICT (email) DO NOTHING
     RETURNING id, email_verified, roles, password_hash IS NOT NULL AS has_password)
     INSERT INTO audit_events (id, type, user_id, user_agent, data)
     SELECT event_id, 'user.imported', id, $2, jsonb_build_object('operator', $3::text, 'after',
            jsonb_build_object('email_verified', made.email_verified, 'roles', made.roles, 'has_password', has_password))
       FROM made JOIN line USING (id)
     RETURNING id`,
    [
      JSON.stringify(users.map(user => ({ ...user, id: uuid(), event_id: uuid() }))),
      origin.userAgent,
      origin.operator ?? '',
    ],
  )
  return inserted.length
}

// Counts what `insert` would insert, without writing. Addresses of earlier lines count as taken too.
const countInsertable = (database: Deps['database']) => {
  const taken = new Set<string>()
  return async (users: ImportedUser[]): Promise<number> => {
    const emails = users.map(({ email }) => email)
    const found: { email: string }[] = await database.query('SELECT email FROM users WHERE email = ANY($1)', [
      emails,
    ])
    for (const { email } of found) taken.add(email)
    const before = taken.size
    for (const email of emails) taken.add(email)
    return taken.size - before
  }
}

type Options = {
  dryRun: boolean
  /** The operator who imports, for the audit events. */
  origin?: Origin
  /** Called after each batch and at the end, with the number of lines read. */
  onProgress?: (count: number) => void
}

type Imported = {
  imported: number
  existing: number
  refused: { line: number; reason: string }[]
  /** The number of rejected lines that `refused` does not list. */
  unlisted?: number
}

/**
 * Imports the accounts of another system, one JSON object per line: `email` and optionally `password_hash`,
 * `email_verified`, `full_name`, `phone`, `address`, `preferred_language`, `roles`, `created_at`. No email is sent.
 *
 * An invalid line is rejected with its number (from 1) and a reason that contains none of its values, and the import
 * continues. An address that has an account, or appeared on an earlier line, counts as existing and is left unchanged.
 *
 * Imported passwords stay valid, and each gets a hash of our own at the first login. Two kinds of users reset theirs: those
 * without a password, and those with one over 72 bytes that the other system truncated for bcrypt.
 *
 * Throws if the database or the file fails. Lines imported before that stay, and the same file can be imported again.
 */
export const importUsers = async (
  { database }: Pick<Deps, 'database'>,
  lines: AsyncIterable<Line>,
  { dryRun, origin = { ip: '', userAgent: 'import' }, onProgress }: Options,
): Promise<Imported> => {
  const add = dryRun ? countInsertable(database) : (users: ImportedUser[]) => insert(database, users, origin)
  const result: Imported = { imported: 0, existing: 0, refused: [] }
  let batch: ImportedUser[] = []
  let line = 0
  const flush = async () => {
    const added = batch.length === 0 ? 0 : await add(batch)
    result.imported += added
    result.existing += batch.length - added
    batch = []
    onProgress?.(line)
  }
  const reject = (reason: string): void => {
    if (result.refused.length < maxListed) result.refused.push({ line, reason })
    else result.unlisted = (result.unlisted ?? 0) + 1
  }
  for await (const text of lines) {
    line += 1
    // `trim` also removes a byte order mark.
    const content = typeof text === 'string' ? text.trim() : text
    if (content === '') continue
    const read = typeof content === 'string' ? parseLine(content) : content
    if ('reason' in read) reject(read.reason)
    else if (batch.push(read.user) === batchSize) await flush()
  }
  await flush()
  return result
}
