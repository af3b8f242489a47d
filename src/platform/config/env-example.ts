import type { Variable } from './variables.ts'

// The text of `.env.example`, derived from the table of variables. `npm run docs` writes the file.

type Entry = {
  name: string
  help: string
  needed: readonly string[]
  standard: string
  example: string
}

const entryOf = ([name, variable]: [string, Variable]): Entry => {
  const { help, needed = [], default: standard = '', example = '' } = variable
  return { name, help, needed, standard, example }
}

const isNeeded = ({ needed }: Entry): boolean => needed.length > 0

/** One line of the file. The value is quoted if a shell would split or expand it. */
const line = (name: string, value: string): string =>
  `${name}=${/^[\w@%+=:,./-]*$/.test(value) ? value : `"${value}"`}`

const wrap = (text: string): string => text.replace(/(.{1,108})(?:\s+|$)/g, '# $1\n').trimEnd()

const neededEntry = ({ name, help, needed, example }: Entry): string =>
  `${wrap(`${help} Required by ${needed.join(', ')}.`)}\n${line(name, example)}\n`

const optionalEntry = ({ name, help, standard, example }: Entry): string =>
  `${wrap(standard || !example ? help : `${help} For example:`)}\n# ${line(name, standard || example)}\n`

/** The text of `.env.example`: required variables with an example, optional ones commented out with their default. */
export const envExample = (variables: Readonly<Record<string, Variable>>): string => {
  const entries = Object.entries(variables).map(entryOf)
  return [
    '# Copy this file to `.env`: `npm run api`, `worker` and `migrate` read it. An empty variable counts as unset. `npm start`\n# needs no variable; it uses the servers that are set here instead of starting its own.\n#\n# Replace APP_SECRET and set PUBLIC_URL: production refuses the example secret and plain http. To run the processes on your\n# own machine, set NODE_ENV=development.\n',
    ...entries.filter(isNeeded).map(neededEntry),
    '# The variables below are optional. Each line shows the default, or an example.\n',
    ...entries.filter(entry => !isNeeded(entry)).map(optionalEntry),
  ].join('\n')
}
