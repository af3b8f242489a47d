import pg from 'pg'
import { v7 as uuid } from 'uuid'

/** Somebody who has an account. */
export type Person = { id: string; email: string }

export const password = 'correct horse 9'

/** People whom nobody has met before. */
export const people = (count: number, word: string): Person[] =>
  Array.from({ length: count }, (_, at) => ({ id: uuid(), email: `${word}-${at}@example.com` }))

/** Runs statements on a connection of their own. */
export const withClient = async <T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** One after the other. */
export const inBatches = async <T>(
  all: T[],
  size: number,
  each: (batch: T[]) => Promise<unknown>,
): Promise<void> => {
  for (let at = 0; at < all.length; at += size) await each(all.slice(at, at + size))
}
