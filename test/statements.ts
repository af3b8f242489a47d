import pg from 'pg'

// Records the statements of the service in this process, and checks at the end that each has an index to use.

/** A statement of the service with the values of its first run. */
export type Statement = { text: string; values: unknown[] }

/** Tables whose size follows the users, their emails, sessions and purchases. */
const growing = new Set([
  ...['users', 'emails', 'audit_events', 'revocations', 'factors', 'recovery_codes', 'clients'],
  ...['client_secrets', 'sites', 'purchases', 'webhook_events'],
])

type Client = { connectionParameters: { application_name?: string } }

/** Records each statement of the service from now on, once. */
export const recordStatements = (): Map<string, Statement> => {
  const all = new Map<string, Statement>()
  const { query } = pg.Client.prototype as { query: (...args: unknown[]) => unknown }
  const recording = function (this: Client, ...args: unknown[]): unknown {
    const [config, given] = args as [string | { text?: string; values?: unknown[] } | undefined, unknown]
    const text = typeof config === 'string' ? config : config?.text
    // Tests run their own statements in this process, under other names.
    if (text && !all.has(text) && this.connectionParameters.application_name === 'latchkey') {
      const values = typeof config === 'string' ? given : (config?.values ?? given)
      all.set(text, { text, values: Array.isArray(values) ? values : [] })
    }
    return query.apply(this, args)
  }
  pg.Client.prototype.query = recording as typeof pg.Client.prototype.query
  return all
}

type Plan = {
  'Node Type': string
  'Relation Name'?: string
  'Index Cond'?: string
  Filter?: string
  Plans?: Plan[]
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

/** The tables that a statement reads from beginning to end, because no index fits. */
const tablesRead = (plan: Plan): string[] =>
  nodesOf(plan).flatMap(({ 'Node Type': type, 'Relation Name': table = '' }) =>
    type === 'Seq Scan' && growing.has(table) ? [table] : [],
  )

const planOf = async (client: pg.Client, { text, values }: Statement): Promise<Plan | null> => {
  try {
    await client.query('BEGIN')
    // Then a plan has a sequential scan only if no index fits, also in an empty database.
    await client.query('SET LOCAL enable_seqscan = off')
    const { rows } = await client.query(`EXPLAIN (FORMAT JSON) ${text}`, values)
    return rows[0]['QUERY PLAN'][0].Plan
  } catch {
    // The statement of a test that breaks it on purpose, by a value or a table that Postgres refuses.
    return null
  } finally {
    await client.query('ROLLBACK')
  }
}

/** The statements that read a growing table from beginning to end, planned in a migrated database without rows. */
export const statementsWithoutIndex = async (
  connectionString: string,
  statements: Iterable<Statement>,
): Promise<string[]> => {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    const found: string[] = []
    for (const statement of statements) {
      const { text } = statement
      if (!/^\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b/.test(text)) continue
      const plan = await planOf(client, statement)
      for (const table of plan ? tablesRead(plan) : [])
        found.push(`No index fits, so this statement reads all of ${table}:\n${text}`)
    }
    return found
  } finally {
    await client.end()
  }
}
