import { type Command, isOptional } from './command.ts'

/** Rows as aligned columns, without spaces at the end of a line. */
export const columns = (rows: readonly (readonly string[])[], indent = ''): string => {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map(row => (row[at] ?? '').length)))
  return rows
    .map(row => indent + row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '))
    .map(line => line.trimEnd())
    .join('\n')
}

const common = [
  ['--json', 'print JSON'],
  ['-h, --help', 'print this help'],
]

const usage = (command: Command): string => {
  const words = Object.entries(command.arguments).map(([name, argument]) =>
    isOptional(argument) ? `[${name}]` : `<${name}>`,
  )
  return [command.name, ...words].join(' ')
}

const optionWords = (command: Command): string[][] =>
  Object.entries(command.options).map(([name, { value, help, repeatable }]) => [
    value === undefined ? `--${name}` : `--${name} <${value}>`,
    repeatable ? `${help} (repeatable)` : help,
  ])

const exitCodes = `Exit codes: 0 done, 1 refused, 64 wrong arguments, 69 Postgres or Redis does not answer, 78 wrong configuration.
The command reads the same environment variables and the same file .env as the service.`

/** The help for a list of commands. `group` is their common first word, such as `users`, if the list is one group. */
export const helpForAll = (commands: readonly Command[], group?: string): string =>
  [
    `Usage: latchkey ${group ? `${group} ` : ''}<command> [options]\n`,
    columns(
      commands.map(command => [usage(command), command.summary]),
      '  ',
    ),
    '',
    columns(common, '  '),
    `\n${exitCodes}\n`,
  ].join('\n')

const wrap = (text: string): string => text.replace(/(.{1,110})(?:\s+|$)/g, '$1\n')

/** The help for one command. */
export const helpFor = (command: Command): string =>
  [
    `Usage: latchkey ${usage(command)} [options]\n`,
    wrap(`${command.summary}.${command.description ? ` ${command.description}` : ''}`),
    columns(
      [
        ...Object.entries(command.arguments).map(([name, { help }]) => [name, help]),
        ...optionWords(command),
        ...common,
      ],
      '  ',
    ),
    '',
  ].join('\n')
