import { defaultLimits, limitNames } from './limits.ts'
import { type VariableName, variables } from './variables.ts'

// What `.env.example` and the tables of the README say, made from the catalogues, so that they cannot lag behind.

type Entry = {
  name: VariableName
  help: string
  needed: readonly string[]
  standard: string
  example: string
}

const entries = (Object.keys(variables) as VariableName[]).map((name): Entry => {
  const variable: { help: string; default?: string; example?: string; needed?: readonly string[] } =
    variables[name]
  const { help, needed = [], default: standard = '', example = '' } = variable
  return { name, help, needed, standard, example }
})

const isNeeded = ({ needed }: Entry): boolean => needed.length > 0

/** As a file of variables holds it: quoted where a shell would take it apart. */
const line = (name: string, value: string): string =>
  `${name}=${/^[\w@%+=:,./-]*$/.test(value) ? value : `"${value}"`}`

const wrap = (text: string): string => text.replace(/(.{1,108})(?:\s+|$)/g, '# $1\n').trimEnd()

const neededEntry = ({ name, help, needed, example }: Entry): string =>
  `${wrap(`${help} Needed by ${needed.join(', ')}.`)}\n${line(name, example)}\n`

const optionalEntry = ({ name, help, standard, example }: Entry): string =>
  `${wrap(standard || !example ? help : `${help} For example:`)}\n# ${line(name, standard || example)}\n`

/** The text of `.env.example`: needed variables with an example, all others commented out with their default. */
export const envExample = (): string =>
  [
    '# What `npm run api`, `worker` and `migrate` read from `.env`. An empty variable counts as unset. `npm start` needs\n# none of it; what is set here it takes instead of its own servers.\n#\n# Replace APP_SECRET and set PUBLIC_URL: production refuses the example and plain http. To run the processes by hand on\n# your own machine, set NODE_ENV=development.\n',
    ...entries.filter(isNeeded).map(neededEntry),
    '# What follows may stay away: these are the defaults.\n',
    ...entries.filter(entry => !isNeeded(entry)).map(optionalEntry),
  ].join('\n')

const code = (text: string): string => (text ? `\`${text}\`` : '–')

const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

/** Every variable, as a table in Markdown: name, default, meaning. */
export const configurationTable = (): string =>
  table(
    ['Name', 'Default', 'Meaning'],
    entries.map(entry => [
      code(entry.name),
      isNeeded(entry) ? `needed (${entry.needed.join(', ')})` : code(entry.standard),
      entry.help,
    ]),
  )

const span = (milliseconds: number): string =>
  milliseconds % 3_600_000 === 0 ? `${milliseconds / 3_600_000} h` : `${milliseconds / 60_000} min`

/** Every limit, as a table in Markdown: name, requests, what they are counted by. */
export const limitsTable = (): string =>
  table(
    ['Name', 'At most', 'Counted by'],
    limitNames.map(name => {
      const { points, window, by } = defaultLimits[name]
      return [code(name), `${points} / ${span(window)}`, by]
    }),
  )
