import pg from 'pg'
import { v7 as uuid } from 'uuid'

/** An account of a measured service. */
export type Account = { id: string; email: string }

export const password = 'correct horse 9'

/** Makes ids and email addresses of new accounts. */
export const makeAccounts = (count: number, word: string): Account[] =>
  Array.from({ length: count }, (_, at) => ({ id: uuid(), email: `${word}-${at}@example.com` }))

/** Runs statements on a new connection. */
export const withClient = async <T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** Handles a list in batches, one after another. */
export const inBatches = async <T>(
  all: T[],
  size: number,
  each: (batch: T[]) => Promise<unknown>,
): Promise<void> => {
  for (let at = 0; at < all.length; at += size) await each(all.slice(at, at + size))
}
