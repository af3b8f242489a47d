import { readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem, type } from 'node:os'

const head = [
  ...['Question', 'median, account', 'median, none', 'difference', '95 % of differences'],
  ...['p95, account', 'p95, none', 'separation', 'answers equal', 'times differ'],
]

export const table = (rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

/** How busy the machine is, over the last minute. */
export const load = (): string => loadavg()[0]?.toFixed(1) ?? ''

const file = new URL('./ENUMERATION.md', import.meta.url)

const preface = `# Who has an account?

Answers to addresses that have an account and to addresses that have none, one after another over one connection to one
API process on the same machine, in random order; no worker. Times in milliseconds until the head of the answer.

- _Separation_ is how often an answer about an account takes longer than one about none: 0.5 tells nothing, 0 or 1
  everything.
- _Answers equal_ compares status, headers and body, but for \`Date\` and the request id.
- _Times differ_ where 0 is outside the interval: by chance once in twenty rows. Where the machine was busy, the interval
  is wide and a "no" says little. A low \`BCRYPT_COST\` leaves less for a difference to hide behind.

\`npm run bench:enumeration\` adds a run, the latest first, and takes none away: what one run shows another may miss.
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
