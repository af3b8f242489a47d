import { type Database, read, type Statement } from '../storage/postgres.ts'

const endOf: Statement = {
  name: 'end-of-session',
  text: `SELECT 1 FROM audit_events WHERE session_id = $1 AND type IN ('session.ended', 'session.reused') LIMIT 1`,
}

/** Whether the end of a session was kept: a Redis that comes back from an older state does not know of it. */
export const wasEnded = async (database: Database, sessionId: string): Promise<boolean> =>
  (await read<object>(database, endOf, [sessionId])).length > 0
