import type { Deps } from '../../deps.ts'
import type { Email } from '../../platform/mail/entity.ts'

/** Age of the row of an email in milliseconds, by the clock of Postgres; infinite if the row is gone. */
export const emailAge = async (
  { database, clock }: Pick<Deps, 'database' | 'clock'>,
  { id, age }: Pick<Email, 'id' | 'age'>,
): Promise<number> => {
  if (age) return age.milliseconds + (performance.now() - age.at) + clock.shift
  const [row] = (await database.query(
    'SELECT extract(epoch FROM now() - created_at) * 1000 AS age FROM emails WHERE id = $1',
    [id],
  )) as { age: string }[]
  return row ? Number(row.age) + clock.shift : Number.POSITIVE_INFINITY
}
