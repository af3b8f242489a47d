import pg from 'pg'
import { until } from '../../until.ts'
import type { World } from '../../world.ts'

// A transaction that a test holds open for as long as it needs, instead of for a number of milliseconds that a busy machine
// exceeds.

type Query = (text: string, values?: unknown[]) => Promise<unknown>

/** Runs `act` in a transaction of a connection of its own, and commits it. */
export const inTransaction = async <T>(
  { env }: Pick<World, 'env'>,
  act: (query: Query) => Promise<T>,
): Promise<T> => {
  const holder = new pg.Client({ connectionString: env.DATABASE_URL })
  await holder.connect()
  try {
    await holder.query('BEGIN')
    const result = await act((text, values) => holder.query(text, values))
    await holder.query('COMMIT')
    return result
  } finally {
    await holder.end()
  }
}

/** Resolves when a statement of this world waits for a lock. */
export const untilOneWaits = async ({ sql }: Pick<World, 'sql'>): Promise<void> => {
  await until('a statement waits for a lock', async () => {
    const waiting = await sql(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
    return waiting.length > 0
  })
}
