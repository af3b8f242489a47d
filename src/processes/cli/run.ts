import { isOutage } from '../../platform/base/store-errors.ts'
import { configErrorText, exitConfig } from '../../platform/config/config.ts'
import { clientCommands } from './client-commands.ts'
import type { Command } from './command.ts'
import { emailCommands } from './email-commands.ts'
import { helpFor, helpForAll } from './help.ts'
import { importCommands } from './import-command.ts'
import type { Io } from './io.ts'
import { keyCommands } from './key-commands.ts'
import { openCommandDeps } from './open-command-deps.ts'
import { readInput } from './read-input.ts'
import { secretCommands } from './secret-commands.ts'
import { userCommands } from './user-commands.ts'
import { webhookCommands } from './webhook-commands.ts'

/** Every command of `latchkey`. */
const commands: Command[] = [
  ...userCommands,
  ...importCommands,
  ...keyCommands,
  ...clientCommands,
  ...secretCommands,
  ...emailCommands,
  ...webhookCommands,
]

// sysexits.h
const exitUsage = 64
const exitUnavailable = 69
const exitSoftware = 70
/** The exit code by convention of a program that Ctrl-C ended. */
const exitInterrupted = 130

/** The words without the name of the command. Common flags such as `--json` may come before the name. */
const withoutName = (argv: string[], [group, verb]: string[]): string[] => {
  const rest = [...argv]
  for (const word of [group, verb]) rest.splice(rest.indexOf(word ?? ''), 1)
  return rest
}

// A command finds the stores of `npm start` only while it runs. Without it, every variable is missing.
const startHint =
  'Or start the service with `npm start` in another terminal: commands in the same folder use it.'

const isFlag = (word: string): boolean => word === '--json' || word === '--help' || word === '-h'

const run = async (argv: string[], io: Io): Promise<number> => {
  const print = (text: string): void => {
    io.stdout.write(`${text.trimEnd()}\n`)
  }
  const printError = (text: string): void => {
    io.stderr.write(`${text.trimEnd()}\n`)
  }
  const failUsage = (usageError: string, help: string): number => {
    printError(`${usageError}\n\n${help}`)
    return exitUsage
  }

  const name = argv.filter(word => !word.startsWith('-')).slice(0, 2)
  const wantsHelp = argv.includes('--help') || argv.includes('-h')
  const command = commands.find(each => each.name === name.join(' '))
  if (!command) {
    const group = commands.filter(each => each.name.startsWith(`${name[0]} `))
    const help = group.length > 0 ? helpForAll(group, name[0]) : helpForAll(commands)
    if (wantsHelp && (name.length === 0 || group.length > 0)) {
      print(help)
      return 0
    }
    if (name.length === 0) return failUsage('No command was given.', help)
    const isGroup = name.length === 1 && group.length > 0
    return failUsage(isGroup ? `No command was given after "${name[0]}".` : 'Unknown command.', help)
  }
  if (wantsHelp) {
    print(helpFor(command))
    return 0
  }
  const input = readInput(
    command,
    withoutName(argv, name).filter(word => !isFlag(word)),
  )
  if ('usageError' in input) return failUsage(input.usageError, helpFor(command))

  const opened = await openCommandDeps(command.needs, io)
  if ('errors' in opened) {
    printError(configErrorText(opened.errors))
    if (!io.env.DATABASE_URL) printError(startHint)
    return exitConfig
  }
  await using given = opened
  const outcome = await command.run(given as never, input as never, io)
  if ('usageError' in outcome) return failUsage(outcome.usageError, helpFor(command))
  if ('interrupted' in outcome) return exitInterrupted
  if (argv.includes('--json')) print(JSON.stringify(outcome.data, null, 2))
  else if (outcome.ok) print(outcome.text)
  else printError(outcome.text)
  return outcome.ok ? 0 : 1
}

/** Runs the command in the words after `latchkey`, and returns its exit code. It does not exit the process and throws nothing. */
export const runCommandLine = (argv: string[], io: Io): Promise<number> =>
  run(argv, io).catch(error => {
    const { message, code, exitCode } = error as { message?: string; code?: string; exitCode?: number }
    const isUnavailable = isOutage(error)
    io.stderr.write(
      `latchkey: ${isUnavailable ? 'Postgres or Redis does not answer: ' : ''}${message || code || 'unknown error'}\n`,
    )
    return exitCode ?? (isUnavailable || code === 'ERR_SCHEMA_BEHIND' ? exitUnavailable : exitSoftware)
  })
