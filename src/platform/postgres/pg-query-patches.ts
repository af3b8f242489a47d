import pg, { type Client, type Connection, type FieldDef, type Submittable } from 'pg'
import { bindAndExecute, type PlainValue } from './bind-message.ts'
import { parseTime } from './parse-time.ts'

// Checked with pg 8.23.1. The test in pg-query-patches.test.ts fails when pg no longer needs this query.

/** How to build the rows of one statement. `empty` has every column, so that all rows get the same shape. */
type Columns = { names: string[]; parsers: ((text: string) => unknown)[]; empty: Record<string, null> }

/** The columns of the statements of one connection, by the names of the statements. */
export type KnownColumns = Map<string, Columns>

const timestamptz = 1184

const parserOf = (client: Client, type: number): ((text: string) => unknown) => {
  const parse = client.getTypeParser(type, 'text')
  return type === timestamptz ? parseTime(parse) : parse
}

const columnsOf = (client: Client, fields: FieldDef[]): Columns => ({
  names: fields.map(({ name }) => name),
  parsers: fields.map(({ dataTypeID }) => parserOf(client, dataTypeID)),
  empty: Object.fromEntries(fields.map(({ name }) => [name, null])),
})

const rowOf = ({ names, parsers, empty }: Columns, values: (string | null)[]): Record<string, unknown> => {
  const row: Record<string, unknown> = { ...empty }
  for (let i = 0; i < names.length; i++) {
    const value = values[i]
    if (typeof value === 'string') row[names[i] as string] = parsers[i]?.(value)
  }
  return row
}

type Internals = Connection & {
  stream: { writable: boolean; write: (bytes: Buffer) => void }
  parsedStatements: Record<string, string>
  submittedNamedStatements: Record<string, string>
}

type OnRows = (error: Error | null, rows?: Record<string, unknown>[]) => void

/** A query of a statement that is prepared under its name, which is ASCII. */
export type PreparedQuery = { name: string; text: string; values: readonly PlainValue[] }

type Query = PreparedQuery & {
  /** pg replaces it by one that also stops the timeout of the query. */
  callback: OnRows
  client: Client
  known: KnownColumns
  columns: Columns | undefined
  /** Not `rows`, which pg takes for its option of that name. */
  found: Record<string, unknown>[]
  failure: Error | null
}

// A client that pipelines takes only instances of pg's own class. So queries have its prototype, below these methods, which
// are all that pg calls.
const methods = Object.setPrototypeOf(
  {
    submit(this: Query, connection: Internals) {
      const { name, text } = this
      if (!(connection.parsedStatements[name] ?? connection.submittedNamedStatements[name])) {
        connection.parse({ name, text, types: [] }, true)
        connection.submittedNamedStatements[name] = text
      }
      const { stream } = connection
      if (stream.writable) stream.write(bindAndExecute(name, this.values, !this.columns))
      return null
    },
    handleRowDescription(this: Query, { fields }: { fields: FieldDef[] }) {
      this.columns = columnsOf(this.client, fields)
      this.known.set(this.name, this.columns)
    },
    handleDataRow(this: Query, { fields }: { fields: (string | null)[] }) {
      try {
        if (this.columns) this.found.push(rowOf(this.columns, fields))
      } catch (error) {
        this.failure = error as Error
      }
    },
    handleCommandComplete() {},
    handleError(this: Query, error: Error) {
      this.callback(error)
    },
    handleReadyForQuery(this: Query) {
      if (this.failure) this.callback(this.failure)
      else this.callback(null, this.found)
    },
  },
  pg.Query.prototype,
)

/**
 * A query for `client.query`, on a client that may pipeline.
 *
 * Symptom: the query of pg asks Postgres to describe the columns of each result again, and sends four messages in four
 * writes. No public report found. This query asks once per connection and statement, and sends one buffer.
 *
 * The first description stays true. If a migration changes the type of a column, Postgres refuses the statement ("cached
 * plan must not change result type") on every connection that has prepared it.
 */
export const describedQuery = (
  client: Client,
  known: KnownColumns,
  { name, text, values }: PreparedQuery,
  callback: OnRows,
): Submittable => {
  const query = Object.create(methods)
  query.name = name
  query.text = text
  query.values = values
  query.callback = callback
  query.client = client
  query.known = known
  query.columns = known.get(name)
  query.found = []
  query.failure = null
  return query
}
