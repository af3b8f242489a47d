import { type Database, read, type Statement } from '../storage/postgres.ts'

/** Counting more of them would take longer than anybody waits. */
const most = 100_000

const owed: Statement = {
  name: 'mails-owed',
  text: `SELECT (SELECT count(*)::int FROM (SELECT 1 FROM emails WHERE status = 'queued' LIMIT ${most}) AS found) AS unsent,
    coalesce((SELECT extract(epoch FROM now() - created_at)::int FROM emails
               WHERE status = 'queued' ORDER BY id LIMIT 1), 0) AS oldest`,
}

/** How many mails are owed, and the age of the oldest in seconds: it grows where no worker is at work. */
export const readBacklog = async (database: Database): Promise<{ unsent: number; oldest: number }> =>
  (await read<{ unsent: number; oldest: number }>(database, owed, []))[0] ?? { unsent: 0, oldest: 0 }
