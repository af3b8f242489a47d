import { parseArgs } from 'node:util'
import * as v from 'valibot'
import { type Command, isOptional, type Misuse } from './command.ts'

/** What was typed after the name of a command, parsed, in the shape that its `run` takes. */
export type Input = { arguments: Record<string, unknown>; options: Record<string, unknown> }

/** Reads the words after a command's name. Says what is wrong by name and rule: a word may be a secret. */
export const readInput = (command: Command, words: string[]): Input | Misuse => {
  const parsed = parse(command, words)
  if ('misuse' in parsed) return parsed
  const named = Object.entries(command.arguments)
  if (parsed.positionals.length > named.length) return { misuse: 'There are too many arguments.' }

  const input: Input = { arguments: {}, options: {} }
  for (const [at, [name, argument]] of named.entries()) {
    const word = parsed.positionals[at]
    if (word === undefined && !isOptional(argument)) return { misuse: `<${name}> is missing.` }
    const read = v.safeParse(argument.schema, word)
    if (!read.success) return { misuse: `<${name}> ${read.issues[0].message}.` }
    input.arguments[name] = read.output
  }
  for (const [name, { schema }] of Object.entries(command.options)) {
    const word = parsed.values[name]
    const read = schema && word !== undefined ? v.safeParse(schema, word) : null
    if (read && !read.success) return { misuse: `--${name} ${read.issues[0].message}.` }
    input.options[name] = schema ? read?.output : word === true
  }
  return input
}

const parse = (command: Command, args: string[]) => {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (fault) {
    // "Unknown option '--pasword'. To specify a positional argument …": the first sentence names no value.
    const [sentence = ''] = String((fault as Error).message).split(/(?<=\.)\s|\n/)
    return { misuse: sentence }
  }
}
