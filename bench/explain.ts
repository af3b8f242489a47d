import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { deserialize } from 'node:v8'
import { Client } from 'pg'
import { openLog } from '../src/platform/base/log.ts'
import { defaultTimeouts } from '../src/platform/config/timeouts.ts'
import { migrate } from '../src/processes/migrate/migrate.ts'
import type { Statement } from '../test/statements.ts'
import { openStores } from './compare/stores.ts'
import { fillDatabase } from './explain-fill.ts'

// Runs every statement of the service in a large database, and lists those that read the most. Takes the statements of a test
// run: `TEST_STATEMENTS=.latchkey/statements npm test`, then `npm run bench:explain`. A million users take about 15 minutes.

const { values: given } = parseArgs({
  options: {
    users: { type: 'string', default: '1000000' },
    statements: { type: 'string', default: '.latchkey/statements' },
    /** A database that a run has filled before. */
    database: { type: 'string' },
  },
})

/** More pages of 8 kB than a page of a list or a batch of a job has to read. */
const manyPages = 3000

const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const readStatements = (path: string): Statement[] => {
  const files = readdirSync(dirname(path)).filter(name => join(dirname(path), name).startsWith(`${path}.`))
  if (files.length === 0) throw new Error('Run TEST_STATEMENTS=.latchkey/statements npm test first')
  const all = files.flatMap(name => deserialize(readFileSync(join(dirname(path), name))) as Statement[])
  return [...new Map(all.map(statement => [statement.text, statement])).values()]
}

type Plan = {
  'Node Type': string
  'Relation Name'?: string
  'Rows Removed by Filter'?: number
  'Actual Loops': number
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  Plans?: Plan[]
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

type Measured = { text: string; pages: number; milliseconds: number; removed: number; scanned: string }

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Puts a user of the large database in the place of the users of the tests. */
const asUser = (user: { id: string; email: string }, value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(each => asUser(user, each))
  if (typeof value !== 'string') return value
  if (uuid.test(value)) return user.id
  return /^[^\s@"]+@[^\s@"]+$/.test(value) ? user.email : value
}

const explain = async (client: Client, { text, values }: Statement): Promise<Measured | null> => {
  await client.query('BEGIN')
  try {
    const { rows } = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values)
    const { Plan: plan, 'Execution Time': milliseconds } = rows[0]['QUERY PLAN'][0]
    const nodes = nodesOf(plan)
    return {
      ...{ text, milliseconds, pages: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'] },
      removed: Math.max(...nodes.map(node => (node['Rows Removed by Filter'] ?? 0) * node['Actual Loops'])),
      scanned: nodes
        .flatMap(node => (node['Node Type'] === 'Seq Scan' ? (node['Relation Name'] ?? []) : []))
        .join(', '),
    }
  } catch (error) {
    // Some tests send what Postgres refuses. A timeout is a finding.
    const isTimeout = (error as { code?: string }).code === '57014'
    return isTimeout
      ? { text, pages: Number.POSITIVE_INFINITY, milliseconds: 0, removed: 0, scanned: 'timeout' }
      : null
  } finally {
    await client.query('ROLLBACK')
  }
}

const statements = readStatements(given.statements).filter(({ text }) =>
  /^\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b/.test(text),
)
await using stores = given.database ? null : await openStores()
const url = given.database ?? (await stores?.database('explain')) ?? ''
const client = new Client({ connectionString: url })
// Without it, the end of the private server would hide the error that caused it.
client.on('error', () => {})
if (!given.database) {
  await migrate({ DATABASE_URL: url, APP_SECRET: ['explain'] }, openLog('migrate', 'silent'))
  await client.connect()
  await fillDatabase(client, Number(given.users), print)
} else await client.connect()

// The account with the most events.
const { rows: users } = await client.query(
  `SELECT id, email FROM users ORDER BY id OFFSET ${Number(given.users) / 2 - 1} LIMIT 1`,
)
await client.query(`SET statement_timeout = ${10 * defaultTimeouts.postgresStatement}`)
const found: Measured[] = []
for (const { text, values } of statements) {
  const measured = await explain(client, { text, values: values.map(value => asUser(users[0], value)) })
  if (measured) found.push(measured)
}
await client.end()
const worst = found.filter(({ pages }) => pages > manyPages).toSorted((a, b) => b.pages - a.pages)
for (const { text, pages, milliseconds, removed, scanned } of worst)
  print(`${pages} pages, ${milliseconds} ms, ${removed} rows removed by a filter; ${scanned}\n  ${text}\n`)
print(`${found.length} statements, ${worst.length} read more than ${manyPages} pages.`)
