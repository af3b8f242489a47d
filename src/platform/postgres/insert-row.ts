/** The columns that an insert sets, each with its type in Postgres. */
export type ColumnTypes<C extends string = string> = Readonly<Record<C, string>>

/**
 * SQL that inserts one row. Its values are parameters from `$first` on, in the order of `columns`. A column in `sql` has an
 * expression instead of a parameter. `rest` follows the values: FROM, WHERE and ON CONFLICT.
 */
export const insertRow = <C extends string>(
  table: string,
  columns: ColumnTypes<C>,
  { first = 1, sql = {}, rest = '' }: { first?: number; sql?: Record<string, string>; rest?: string } = {},
): string => {
  const parameters = Object.entries<string>(columns).map(([, type], i) => `$${first + i}::${type}`)
  const names = [...Object.keys(columns), ...Object.keys(sql)]
  return `INSERT INTO ${table} (${names.join(', ')}) SELECT ${[...parameters, ...Object.values(sql)].join(', ')} ${rest}`
}
