import type { Deps, SealedColumn } from '../../deps.ts'
import { currentSealPrefix, seal, unseal } from '../../platform/crypto/seal.ts'
import { findListsInUse } from './store.ts'

const batchSize = 100

type Needs = Pick<Deps, 'database' | 'redis' | 'keys' | 'secrets' | 'log' | 'sealedColumns'>

type Row = { key: string; sealed: string }

/**
 * Seals under the current secret what is sealed under a previous one, and returns the number of rows. Several workers may run
 * it at the same time: a row that another one has changed is left alone.
 *
 * It does nothing while a running process lacks the current secret: that process could not open its rows any more.
 */
export const resealRows = async (deps: Needs): Promise<number> => {
  const { secrets, log } = deps
  // With one secret there is no other that a row could be sealed under and still be opened.
  if (secrets.all.length === 1) return 0
  const lists = await findListsInUse(deps)
  if (lists.some(({ ids }) => !ids.includes(secrets.current.id))) {
    log.warn(
      'nothing was sealed under the current secret: a running process does not have it. See docs/change-app-secret.md',
    )
    return 0
  }
  let resealed = 0
  for (const column of deps.sealedColumns)
    if (await hasOtherSeals(deps, column)) resealed += await resealColumn(deps, column)
  return resealed
}

/**
 * Whether a row is sealed under another secret than the current one, by the first and the last entry of an index. While two
 * secrets are listed, each run would otherwise read the whole table to find no row.
 */
const hasOtherSeals = async ({ database, secrets }: Needs, { table, column }: SealedColumn) => {
  const [ids]: { first: string | null; last: string | null }[] = await database.query(
    `SELECT min(split_part(${column}, '.', 2)) AS first, max(split_part(${column}, '.', 2)) AS last
      FROM ${table} WHERE ${column} IS NOT NULL`,
  )
  return [ids?.first ?? null, ids?.last ?? null].some(id => id !== null && id !== secrets.current.id)
}

const resealColumn = async (deps: Needs, of: SealedColumn): Promise<number> => {
  const { table, key, keyType, column } = of
  let [resealed, unreadable] = [0, 0]
  let last: string | null = null
  for (;;) {
    const rows: Row[] = await deps.database.query(
      `SELECT ${key} AS key, ${column} AS sealed FROM ${table}
        WHERE NOT starts_with(${column}, $1) AND ($2::${keyType} IS NULL OR ${key} > $2::${keyType})
        ORDER BY ${key} LIMIT ${batchSize}`,
      [currentSealPrefix(deps.secrets), last],
    )
    const opened = rows.flatMap(row => {
      const plain = unseal(deps.secrets, row.sealed, row.key)
      return plain ? [{ ...row, anew: seal(deps.secrets, plain, row.key) }] : []
    })
    resealed += await replaceAll(deps, of, opened)
    unreadable += rows.length - opened.length
    last = rows.at(-1)?.key ?? null
    if (rows.length < batchSize) break
  }
  if (resealed > 0) deps.log.info({ table, rows: resealed }, 'sealed under the current secret')
  if (unreadable > 0) deps.log.warn({ table, rows: unreadable }, 'no secret of APP_SECRET opens these rows')
  return resealed
}

/** Replaces the sealed texts that are still the same. */
const replaceAll = async (
  { database }: Needs,
  { table, key, keyType, column }: SealedColumn,
  rows: readonly (Row & { anew: string })[],
): Promise<number> => {
  if (rows.length === 0) return 0
  const [, count] = (await database.query(
    `UPDATE ${table} SET ${column} = n.anew
       FROM unnest($1::${keyType}[], $2::text[], $3::text[]) AS n (key, sealed, anew)
      WHERE ${table}.${key} = n.key AND ${table}.${column} = n.sealed`,
    [rows.map(row => row.key), rows.map(row => row.sealed), rows.map(row => row.anew)],
  )) as [unknown, number]
  return count
}
