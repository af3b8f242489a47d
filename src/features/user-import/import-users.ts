import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { type ImportedUser, readLine } from './rules.ts'

const batchSize = 500
/** Refused lines that are told one by one. A broken file of millions of lines must not fill the memory. */
const listedAtMost = 10_000

// The event of each account is written by the statement that makes it.
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

// What `insert` would do, for a run that writes nothing: addresses of earlier lines count as taken too.
const rehearsal = (database: Deps['database']) => {
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
  /** Who imports, for the audit events. */
  origin?: Origin
  /** Told now and then, and at the end, how many lines were read. */
  onProgress?: (count: number) => void
}

type Imported = {
  imported: number
  existing: number
  refused: { line: number; reason: string }[]
  /** How many more lines were refused than `refused` lists. */
  unlisted?: number
}

/**
 * Takes over the accounts of another system, one JSON object a line: `email`, and where known `password_hash`,
 * `email_verified`, `full_name`, `phone`, `address`, `preferred_language`, `roles`, `created_at`. A line that breaks
 * a rule is refused, by its number (from 1) and a reason that holds none of its values, and the rest goes on. An
 * address that has an account, or had an earlier line, counts as existing and is left alone. Nobody is mailed.
 *
 * Passwords go on working, and each becomes a hash of ours at the first login. Who has none, or one over 72 bytes
 * that the other system cut for bcrypt, resets it. Throws where the database or the file fails: what was imported
 * until then stays, and the same file can be imported again.
 */
export const importUsers = async (
  { database }: Pick<Deps, 'database'>,
  lines: AsyncIterable<string | { reason: string }>,
  { dryRun, origin = { ip: '', userAgent: 'import' }, onProgress }: Options,
): Promise<Imported> => {
  const add = dryRun ? rehearsal(database) : (users: ImportedUser[]) => insert(database, users, origin)
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
  const refuse = (reason: string): void => {
    if (result.refused.length < listedAtMost) result.refused.push({ line, reason })
    else result.unlisted = (result.unlisted ?? 0) + 1
  }
  for await (const text of lines) {
    line += 1
    // A byte order mark is trimmed off too.
    const content = typeof text === 'string' ? text.trim() : text
    if (content === '') continue
    const read = typeof content === 'string' ? readLine(content) : content
    if ('reason' in read) refuse(read.reason)
    else if (batch.push(read.user) === batchSize) await flush()
  }
  await flush()
  return result
}
