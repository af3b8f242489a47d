import { howMeasured } from './how-measured.ts'
import { mostDisturbed } from './interleaved.ts'
import type { Result } from './results.ts'
import type { Budget, Section } from './run.ts'
import { markdownTable, type Table } from './tables.ts'

/** A part that was measured, and its description. */
export type Described = { result: Result; section: Section }

const verdict = ({ held }: Budget): string => (held === null ? 'not measured' : held ? 'yes' : '**no**')

export const budgetTable = (sections: Section[]): Table => ({
  head: ['', 'budget', 'measured', 'holds'],
  rows: sections
    .flatMap(({ budgets }) => budgets)
    .map(budget => [budget.line, budget.wanted, budget.measured, verdict(budget)]),
})

/** When and how a part was measured, and how much of it other work disturbed. */
export const circumstances = ({ date, commit, minutes, rounds, quality, loads }: Result): string => {
  const { measurements, discarded, disturbed } = quality
  const minute = date.slice(0, 16).replace('T', ' ')
  const kept =
    disturbed === 0
      ? ''
      : ` **${disturbed} of ${measurements} were kept although other work took more than ${mostDisturbed * 100} % of a core: rates and times are unreliable, and CPU times may be too high.**`
  return `${minute} UTC, commit ${commit}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'} in ${minutes.toFixed(1)} minutes; load of the machine ${loads.join(' before, ')} after. Measurements discarded and repeated: ${discarded}.${kept}`
}

const part = ({ result, section: { title, note, table } }: Described): string =>
  `## ${title}\n\n${note}\n\n${markdownTable(table)}\n\n${circumstances(result)}\n`

const distinct = (all: string[]): string => [...new Set(all)].join('; ')

const versionsOf = ({ versions }: Result): string =>
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')

/** The report on the last result of each part, the budgets first. */
export const markdown = (all: Described[]): string => {
  const results = all.map(({ result }) => result)
  return `# Benchmark

Written by \`npm run bench\` from \`bench/results/\`. The performance budgets, and whether they hold:

${markdownTable(budgetTable(all.map(({ section }) => section)))}

![CPU time a request](chart.svg)

Machine: ${distinct(results.map(({ machine }) => machine))}. Stores: ${distinct(results.map(({ stores }) => `${stores.postgres}, ${stores.redis}`))}. Versions: ${distinct(results.map(versionsOf))}.

## How it was measured

${howMeasured}
${all.map(part).join('\n')}`
}
