import type { Timeouts } from '../config/timeouts.ts'

// What the code relies on in each connection to Postgres, and `ALTER DATABASE … SET` or `ALTER ROLE … SET` could change.
// Not set here: `search_path`, which says in which schema the tables are; `default_transaction_read_only`, by which an
// operator freezes a database; and what only a superuser can set.

/** The driver reads times, intervals, numbers and bytes in these forms, and statements are written for these rules. */
const forms = {
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  default_transaction_isolation: 'read committed',
}

/** Timeouts that old versions do not know, by the version that brought them. */
const newer = { transaction_timeout: 170_000 }

/**
 * The settings of each connection. Statements and waits for a lock end after as long as `within` says, or never for
 * null. `version` is `server_version_num`.
 */
export const sessionSettings = (within: Timeouts | null, version: number): Record<string, string> => ({
  ...forms,
  statement_timeout: String(within?.postgresStatement ?? 0),
  lock_timeout: String(within?.postgresLock ?? 0),
  // Longer than a transaction waits for anything else. A migration waits for another one.
  idle_in_transaction_session_timeout: within ? '10000' : '0',
  idle_session_timeout: '0',
  ...Object.fromEntries(
    Object.entries(newer).flatMap(([name, since]) => (version < since ? [] : [[name, '0']])),
  ),
})

/** The settings as the startup parameter `options`: they cost no round trip, and count over those of role and database. */
export const asOptions = (settings: Record<string, string>): string =>
  Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`)
    .join(' ')

/** The settings for one transaction, as statements that begin it. */
export const asBegin = (settings: Record<string, string>): string =>
  [
    'BEGIN ISOLATION LEVEL READ COMMITTED',
    ...Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = '${value}'`),
  ].join('; ')
