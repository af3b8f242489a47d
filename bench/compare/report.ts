import type { Budget, Section, Table } from './run.ts'

/** What a run is reported with. */
export type Told = {
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

/** Columns that line up. */
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

const preface = `Every contestant is a process of its own on the same machine, with a database of its own in the same Postgres and, where
it uses one, a Redis of its own in the same server, both thrown away afterwards. Postgres runs without fsync: a commit
costs all of them the same, and less than on a disk that keeps its promises. All are up during the whole run and idle,
but the one that is asked; who is asked first changes from round to round. The client is a process of its own with
connections that stay open, and every reply is checked: one that is not what was asked for ends the run.

**CPU** is user and system time of the contestant's process, all threads, between the same two moments between which its
replies are counted. The stores' own and the client's are not in it. It is the figure that a busy machine disturbs
least; requests a second on a machine where client, stores and server share the cores are the one it disturbs most.
_Ratios_ are to the first line of a table, of two that ran in the same round, and the median of those; _spread_ is the
least and the most. \`per CPU\` is how many times as many requests the same CPU time serves: more is better.

What they run with:

- **Latchkey**: \`src/api.ts\`, \`NODE_ENV=production\`, \`LOG_LEVEL=info\` to /dev/null, limits counted in Redis on each
  request and set too high to refuse anybody, \`BCRYPT_COST=12\`.
- **Express**, **Fastify**: written by hand as a team would, see \`bench/peers/\`: access tokens by HS256, refresh tokens
  stored as hashes and exchanged in one statement, a pool of 10, prepared statements, bcrypt at cost 12, no log, no
  limits, no extra headers; no ETag and no X-Powered-By for Express, schemas of replies for Fastify.
- **Better Auth**: \`toNodeHandler\` on \`node:http\`, Postgres with joins on, bcrypt at cost 12 in the place of its scrypt,
  limits, log and telemetry off, no cookie cache (it would serve a session that was revoked); once with its sessions in
  Postgres, once in Redis by \`@better-auth/redis-storage\`.
`

const busy = ({ loads: [before], cores }: Told): string =>
  Number(before) > cores / 2
    ? ' **It was at something else as well: rates and times are worth little, and CPU is dearer than it would be.**'
    : ''

/** The report of a whole run, the budget first. */
export const markdown = (told: Told): string => {
  const { sections, machine, versions, loads, how, minutes, rounds } = told
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const parts = sections.map(
    ({ title, note, table }) => `## ${title}\n\n${note}\n\n${markdownTable(table)}\n`,
  )
  return `# What it costs

Written by \`npm run bench\`, the latest run alone. What must hold, and whether it did:

${markdownTable(budgetTable(sections))}

![CPU time a request](chart.svg)

${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, ${Math.round(minutes)} minutes, ${rounds} rounds. ${machine}; load of the machine ${loads.join(' before, ')} after.${busy(told)}
${how.postgres}; ${how.redis}. ${named.join(', ')}.

## How it was measured

${preface}
${parts.join('\n')}`
}
