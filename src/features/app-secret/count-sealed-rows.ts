import type { Deps } from '../../deps.ts'
import { sealedUnder } from '../../platform/crypto/seal.ts'

type Needs = Pick<Deps, 'database' | 'secrets' | 'sealedColumns'>

/** Counts the sealed rows of Postgres by the secret that they are sealed under. Null: no secret of APP_SECRET opens them. */
export const countSealedRows = async (deps: Needs): Promise<{ secretId: string | null; rows: number }[]> => {
  const counts: { secretId: string | null; rows: number }[] = []
  for (const { table, key, column } of deps.sealedColumns) {
    const named: { id: string; rows: string }[] = await deps.database.query(
      `SELECT split_part(${column}, '.', 2) AS id, count(*) AS rows FROM ${table}
        WHERE starts_with(${column}, 'v2.') GROUP BY 1`,
    )
    counts.push(...named.map(({ id, rows }) => ({ secretId: id, rows: Number(rows) })))
    // Only signing keys were sealed without the id of a secret, and there are few of them.
    const unnamed: { key: string; sealed: string }[] = await deps.database.query(
      `SELECT ${key} AS key, ${column} AS sealed FROM ${table} WHERE NOT starts_with(${column}, 'v2.')`,
    )
    counts.push(
      ...unnamed.map(row => ({ secretId: sealedUnder(deps.secrets, row.sealed, row.key), rows: 1 })),
    )
  }
  return counts
}
