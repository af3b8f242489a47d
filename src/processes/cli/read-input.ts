import { parseArgs } from 'node:util'
import * as v from 'valibot'
import { type Command, isOptional, type UsageError } from './command.ts'

/** The parsed arguments and options of a command, in the form that its `run` takes. */
export type Input = { arguments: Record<string, unknown>; options: Record<string, unknown> }

/** Parses the words after the name of a command. An error states name and rule and never quotes a word: it may be a secret. */
export const readInput = (command: Command, words: string[]): Input | UsageError => {
  const parsed = parse(command, words)
  if ('usageError' in parsed) return parsed
  const named = Object.entries(command.arguments)
  if (parsed.positionals.length > named.length) return { usageError: 'Too many arguments.' }

  const input: Input = { arguments: {}, options: {} }
  for (const [at, [name, argument]] of named.entries()) {
    const word = parsed.positionals[at]
    if (word === undefined && !isOptional(argument)) return { usageError: `<${name}> is missing.` }
    const read = v.safeParse(argument.schema, word)
    if (!read.success) return { usageError: `<${name}> ${read.issues[0].message}.` }
    input.arguments[name] = read.output
  }
  for (const [name, { schema }] of Object.entries(command.options)) {
    const word = parsed.values[name]
    const read = schema && word !== undefined ? v.safeParse(schema, word) : null
    if (read && !read.success) return { usageError: `--${name} ${read.issues[0].message}.` }
    input.options[name] = schema ? read?.output : word === true
  }
  return input
}

const parse = (command: Command, args: string[]) => {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { value, repeatable = false }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: repeatable },
    ]),
  )
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    // "Unknown option '--pasword'. To specify a positional argument …": the first sentence quotes no value.
    const [sentence = ''] = String((error as Error).message).split(/(?<=\.)\s|\n/)
    return { usageError: sentence }
  }
}
