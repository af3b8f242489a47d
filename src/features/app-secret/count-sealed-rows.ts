import type { Deps, SealedColumn } from '../../deps.ts'
import { sealedUnder } from '../../platform/crypto/seal.ts'

type Needs = Pick<Deps, 'database' | 'secrets' | 'sealedColumns'>

/** Small enough that a page of a table of any size ends within the statement timeout. */
const pageSize = 5000

/** `unnamed`: the sealed text, if it does not name its secret. Only signing keys were sealed like that. */
type Row = { key: string; secret_id: string; unnamed: string | null }

/** Counts the sealed rows of Postgres by the secret that they are sealed under. Null: no secret of APP_SECRET opens them. */
export const countSealedRows = async (deps: Needs): Promise<{ secretId: string | null; rows: number }[]> => {
  const counts = new Map<string | null, number>()
  for (const column of deps.sealedColumns)
    for (let last: string | null = null; ; ) {
      const page = await pageAfter(deps, column, last)
      for (const { key, secret_id, unnamed } of page) {
        const secretId = unnamed === null ? secret_id : sealedUnder(deps.secrets, unnamed, key)
        counts.set(secretId, (counts.get(secretId) ?? 0) + 1)
      }
      last = page.at(-1)?.key ?? null
      if (page.length < pageSize) break
    }
  return [...counts].map(([secretId, rows]) => ({ secretId, rows }))
}

const pageAfter = (
  { database }: Needs,
  { table, key, keyType, column }: SealedColumn,
  last: string | null,
): Promise<Row[]> =>
  database.query(
    `SELECT ${key} AS key, split_part(${column}, '.', 2) AS secret_id,
            CASE WHEN NOT starts_with(${column}, 'v2.') THEN ${column} END AS unnamed
       FROM ${table}
      WHERE ${column} IS NOT NULL AND ($1::${keyType} IS NULL OR ${key} > $1::${keyType})
      ORDER BY ${key} LIMIT ${pageSize}`,
    [last],
  )
