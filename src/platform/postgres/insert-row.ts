/**
 * SQL that inserts one row. `columns` has the type of each column. Its values are parameters from `$first` on, in this order. A
 * column in `sql` has an expression instead of a parameter. `rest` follows the values: FROM, WHERE and ON CONFLICT.
 */
export const insertRow = (
  table: string,
  columns: Readonly<Record<string, string>>,
  { first = 1, sql = {}, rest = '' }: { first?: number; sql?: Record<string, string>; rest?: string } = {},
): string => {
  const parameters = Object.values(columns).map((type, i) => `$${first + i}::${type}`)
  const names = [...Object.keys(columns), ...Object.keys(sql)]
  return `INSERT INTO ${table} (${names.join(', ')}) SELECT ${[...parameters, ...Object.values(sql)].join(', ')} ${rest}`
}
