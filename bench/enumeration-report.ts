import { readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem, type } from 'node:os'

const head = [
  ...['Question', 'median, account', 'median, none', 'difference', '95 % of differences'],
  ...['p95, account', 'p95, none', 'separation', 'answers equal', 'times differ'],
]

export const table = (rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

/** The load of the machine over the last minute. */
export const load = (): string => loadavg()[0]?.toFixed(1) ?? ''

const file = new URL('./ENUMERATION.md', import.meta.url)

const preface = `# Account enumeration

Requests for email addresses with and without an account, one after another over one connection to one API process on
the same machine, in random order; no worker. Times in milliseconds until the headers of the answer.

- _Separation_ is how often an answer for an account takes longer than one for an unknown address: 0.5 reveals nothing,
  0 or 1 reveals everything.
- _Answers equal_ compares status, headers and body, except \`Date\`, the request id and a login token.
- _Times differ_ if 0 is outside the interval: by chance in one of twenty rows. On a busy machine the interval is wide and
  a "no" proves little. A low \`BCRYPT_COST\` makes differences easier to see.

\`npm run bench:enumeration\` adds a run, the latest first, and keeps earlier ones: a run may miss what another shows.
`

type Run = { samples: number; cost: string; loads: [string, string]; versions: Record<string, string> }

const section = (rows: string[][], { samples, cost, loads, versions }: Run): string => {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() || 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}`
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `
## ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, BCRYPT_COST=${cost}

${samples} of each; load of the machine ${loads.join(' before, ')} after. ${machine}; ${named.join(', ')}; limits off.

${table(rows)}
`
}

/** Adds a run to the report. */
export const append = async (rows: string[][], run: Run): Promise<void> => {
  const runs = (await readFile(file, 'utf8').catch(() => '')).split(/^(?=## )/m).slice(1)
  await writeFile(file, [preface, section(rows, run), ...runs.map(each => `\n${each.trim()}\n`)].join(''))
}
