import type { PreparedReads, Statement } from '../postgres/prepared-read.ts'

const oldest: Statement = {
  name: 'oldest-queued-email',
  text: `SELECT extract(epoch FROM now() - created_at)::int AS age FROM emails WHERE status = 'queued' ORDER BY id LIMIT 1`,
}

/** The age in seconds of the oldest queued email, or 0 without one. It grows while no worker runs. */
export const oldestUnsent = async (reads: PreparedReads): Promise<number> =>
  (await reads.run<{ age: number }>(oldest, []))[0]?.age ?? 0
