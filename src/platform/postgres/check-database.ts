import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../base/log.ts'
import type { Database } from './postgres.ts'

const folder = join(import.meta.dirname, '../../../migrations')

/** The timestamps of the migrations of this version. */
const ownMigrations = async (): Promise<string[]> =>
  (await readdir(folder)).flatMap(file => /^(\d+)-[\w-]+\.ts$/.exec(file)?.[1] ?? [])

const undefinedTable = '42P01'
const insufficientPrivilege = '42501'

/** The timestamps of the migrations that this database has; null if this user may not read them. */
const doneMigrations = async (database: Database): Promise<Set<string> | null> => {
  try {
    const rows: { timestamp: string }[] = await database.query('SELECT timestamp FROM migrations')
    return new Set(rows.map(({ timestamp }) => timestamp))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === undefinedTable) return new Set()
    if (code === insufficientPrivilege) return null
    throw error
  }
}

const behind = (message: string): Error => Object.assign(new Error(message), { code: 'ERR_SCHEMA_BEHIND' })

/**
 * Throws if the database lacks a migration of this version, as statements would fail. A database with more migrations is
 * fine: a newer version migrates it while this one still runs.
 */
export const checkSchema = async (database: Database): Promise<void> => {
  const done = await doneMigrations(database)
  if (done === null) return
  const missing = (await ownMigrations()).filter(timestamp => !done.has(timestamp)).length
  if (missing === 0) return
  throw behind(
    done.size === 0
      ? 'The database has no tables. Run `npm run migrate`.'
      : `The database lacks ${missing} of the migrations of this version. Run \`npm run migrate\`.`,
  )
}

/** Warns if Postgres confirms a commit before it is on disk. */
export const warnOfLostCommits = async (database: Database, log: Log): Promise<void> => {
  const [row]: { synchronous_commit: string }[] = await database.query('SHOW synchronous_commit')
  if (row?.synchronous_commit !== 'off') return
  log.warn(
    'synchronous_commit is off for this database or role. A crash of Postgres can lose changes that were answered with success.',
  )
}
