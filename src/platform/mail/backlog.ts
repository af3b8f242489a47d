import type { PreparedReads, Statement } from '../postgres/prepared-read.ts'

const oldest: Statement = {
  name: 'oldest-mail-owed',
  text: `SELECT extract(epoch FROM now() - created_at)::int AS age FROM emails WHERE status = 'queued' ORDER BY id LIMIT 1`,
}

/** The age in seconds of the oldest mail that is owed, 0 where none is: it grows where no worker is at work. */
export const oldestUnsent = async (reads: PreparedReads): Promise<number> =>
  (await reads.run<{ age: number }>(oldest, []))[0]?.age ?? 0
