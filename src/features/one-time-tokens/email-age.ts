import type { Deps } from '../../deps.ts'

/** Age of the row of an email in milliseconds, by the clock of Postgres; infinite if the row is gone. */
export const emailAge = async (
  { database, clock }: Pick<Deps, 'database' | 'clock'>,
  id: string,
): Promise<number> => {
  const [row] = (await database.query(
    'SELECT extract(epoch FROM now() - created_at) * 1000 AS age FROM emails WHERE id = $1',
    [id],
  )) as { age: string }[]
  return row ? Number(row.age) + clock.shift : Number.POSITIVE_INFINITY
}
