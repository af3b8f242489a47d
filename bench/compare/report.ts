import type { Budget, Section, Table } from './run.ts'

/** The content of a report. */
export type ReportInput = {
  sections: Section[]
  machine: string
  cores: number
  versions: Record<string, string>
  loads: [string, string]
  how: { postgres: string; redis: string }
  minutes: number
  rounds: number
}

const isFigure = (cell: string): boolean => /^[\d–]|^$/.test(cell)

const markdownTable = ({ head, rows }: Table): string => {
  const line = head.map((_, at) => (rows.every(cells => isFigure(cells[at] ?? '')) ? '--:' : '---'))
  return [head, line, ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

/** A table with aligned columns. */
export const terminalTable = ({ head, rows }: Table): string => {
  const all = [head, ...rows]
  const widths = head.map((_, at) => Math.max(...all.map(cells => (cells[at] ?? '').length)))
  return all
    .map(cells =>
      cells
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const verdict = ({ held }: Budget): string => (held === null ? 'not measured' : held ? 'yes' : '**no**')

export const budgetTable = (sections: Section[]): Table => ({
  head: ['', 'budget', 'measured', 'holds'],
  rows: sections
    .flatMap(({ budgets }) => budgets)
    .map(budget => [budget.line, budget.wanted, budget.measured, verdict(budget)]),
})

const preface = `Each service is a separate process on the same machine. It has its own database in the same Postgres and, if it uses
Redis, its own database in the same Redis; both are removed afterwards. Postgres runs without fsync, so a commit costs
the same for all, and less than on a durable disk. All services run the whole time, and only one gets requests. The
order changes from round to round. The client is a separate process with connections that stay open. It checks every
reply, and an unexpected one ends the run.

**CPU** is user and system time of all threads of the service while its replies are counted, without that of the stores
and the client. A busy machine distorts it least. It distorts requests a second most, because client, stores and server
share the cores. A _ratio_ compares with the first line of a table in the same round; the table shows the median.
_Spread_ is the least and the most. \`per CPU\` is the ratio of requests by the same CPU time: more is better.

Settings:

- **Latchkey**: \`src/api.ts\`, \`NODE_ENV=production\`, \`LOG_LEVEL=info\` to /dev/null, limits counted in Redis on each
  request and set too high to refuse any client, \`BCRYPT_COST=12\`.
- **Express**, **Fastify**: written by hand as a team would, see \`bench/peers/\`: access tokens by HS256, refresh tokens
  stored as hashes and exchanged in one statement, a pool of 10, prepared statements, bcrypt at cost 12, no log, no
  limits, no extra headers; no ETag and no X-Powered-By for Express, schemas of replies for Fastify.
- **Better Auth**: \`toNodeHandler\` on \`node:http\`, Postgres with joins on, bcrypt at cost 12 instead of its scrypt,
  limits, log and telemetry off, no cookie cache (it would serve a session that was revoked); once with its sessions in
  Postgres, once in Redis by \`@better-auth/redis-storage\`.
`

const busyNote = ({ loads: [before], cores }: ReportInput): string =>
  Number(before) > cores / 2
    ? ' **The machine had other work: rates and times are unreliable, and CPU times are too high.**'
    : ''

/** The report of a whole run, the budget first. */
export const markdown = (input: ReportInput): string => {
  const { sections, machine, versions, loads, how, minutes, rounds } = input
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const parts = sections.map(
    ({ title, note, table }) => `## ${title}\n\n${note}\n\n${markdownTable(table)}\n`,
  )
  return `# Benchmark

Written by \`npm run bench\`: the latest run. The performance budgets, and whether they hold:

${markdownTable(budgetTable(sections))}

![CPU time a request](chart.svg)

${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, ${Math.round(minutes)} minutes, ${rounds} rounds. ${machine}; load of the machine ${loads.join(' before, ')} after.${busyNote(input)}
${how.postgres}; ${how.redis}. ${named.join(', ')}.

## How it was measured

${preface}
${parts.join('\n')}`
}
