import type { Timeouts } from '../config/timeouts.ts'

// Settings of a Postgres session that the code relies on, and that `ALTER DATABASE … SET` or `ALTER ROLE … SET` could
// change. Left to the operator: `search_path`, the schema of the tables; `default_transaction_read_only`, which freezes a
// database; and settings that need a superuser.

/** The formats in which pg reads times, intervals, numbers and bytes, and the rules that statements are written for. */
const formats = {
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

/** Timeouts that older versions lack, by the version that introduced them. */
const newTimeouts = { transaction_timeout: 170_000 }

/** The settings of each session. `timeouts` of null means no timeouts. `version` is `server_version_num`. */
export const sessionSettings = (timeouts: Timeouts | null, version: number): Record<string, string> => ({
  ...formats,
  statement_timeout: String(timeouts?.postgresStatement ?? 0),
  lock_timeout: String(timeouts?.postgresLock ?? 0),
  // Longer than any wait in a transaction. A migration has no limit, as it waits for the migration of another process.
  idle_in_transaction_session_timeout: timeouts ? '10000' : '0',
  idle_session_timeout: '0',
  ...Object.fromEntries(
    Object.entries(newTimeouts).flatMap(([name, since]) => (version < since ? [] : [[name, '0']])),
  ),
})

/** The settings as the startup parameter `options`. It costs no round trip, and overrides those of role and database. */
export const asOptions = (settings: Record<string, string>): string =>
  Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`)
    .join(' ')

/** The statements that begin a transaction with these settings. */
export const asBegin = (settings: Record<string, string>): string =>
  [
    'BEGIN ISOLATION LEVEL READ COMMITTED',
    ...Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = '${value}'`),
  ].join('; ')
