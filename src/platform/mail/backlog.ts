import type { Database } from '../postgres/postgres.ts'
import { read, type Statement } from '../postgres/prepared-read.ts'

const oldest: Statement = {
  name: 'oldest-mail-owed',
  text: `SELECT extract(epoch FROM now() - created_at)::int AS age FROM emails WHERE status = 'queued' ORDER BY id LIMIT 1`,
}

/** The age in seconds of the oldest mail that is owed, 0 where none is: it grows where no worker is at work. */
export const oldestUnsent = async (database: Database): Promise<number> =>
  (await read<{ age: number }>(database, oldest, []))[0]?.age ?? 0
