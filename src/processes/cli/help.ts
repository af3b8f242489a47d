import { type Command, isOptional } from './command.ts'

/** Rows as columns, with no blanks at the end of a line. */
export const columns = (rows: readonly (readonly string[])[], indent = ''): string => {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map(row => (row[at] ?? '').length)))
  return rows
    .map(row => indent + row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '))
    .map(line => line.trimEnd())
    .join('\n')
}

const common = [
  ['--json', 'print JSON'],
  ['-h, --help', 'print this'],
]

const usage = (command: Command): string => {
  const words = Object.entries(command.arguments).map(([name, argument]) =>
    isOptional(argument) ? `[${name}]` : `<${name}>`,
  )
  return [command.name, ...words].join(' ')
}

const optionWords = (command: Command): string[][] =>
  Object.entries(command.options).map(([name, { value, help }]) => [
    value === undefined ? `--${name}` : `--${name} <${value}>`,
    help,
  ])

const ends = `Ends with 0 when it is done, 1 when it is refused, 64 when the words are wrong, 69 when a store does not answer,
78 when the configuration is wrong. It is configured by the environment or the file .env, as the service is.`

/** The commands. `group` is their common first word, such as `users`, where the list is of one group. */
export const helpForAll = (commands: readonly Command[], group?: string): string =>
  [
    `Usage: latchkey ${group ? `${group} ` : ''}<command> [options]\n`,
    columns(
      commands.map(command => [usage(command), command.summary]),
      '  ',
    ),
    '',
    columns(common, '  '),
    `\n${ends}\n`,
  ].join('\n')

const wrap = (text: string): string => text.replace(/(.{1,110})(?:\s+|$)/g, '$1\n')

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
