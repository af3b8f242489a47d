import { isOutage } from '../../platform/base/store-errors.ts'
import { configErrorText, exitConfig } from '../../platform/config/config.ts'
import type { Command } from './command.ts'
import { emailCommands } from './email-commands.ts'
import { helpFor, helpForAll } from './help.ts'
import { importCommands } from './import-command.ts'
import type { Io } from './io.ts'
import { keyCommands } from './key-commands.ts'
import { openGiven } from './open-given.ts'
import { readInput } from './read-input.ts'
import { userCommands } from './user-commands.ts'
import { webhookCommands } from './webhook-commands.ts'

/** Every command of an operator. */
const commands: Command[] = [
  ...userCommands,
  ...importCommands,
  ...keyCommands,
  ...emailCommands,
  ...webhookCommands,
]

// sysexits.h
const exitUsage = 64
const exitUnavailable = 69
const exitSoftware = 70
/** What a shell says of a program that Ctrl-C has ended. */
const exitInterrupted = 130

/** Everything but the name of the command, which may stand behind a flag that all commands take. */
const withoutName = (argv: string[], [group, verb]: string[]): string[] => {
  const rest = [...argv]
  for (const word of [group, verb]) rest.splice(rest.indexOf(word ?? ''), 1)
  return rest
}

const isFlag = (word: string): boolean => word === '--json' || word === '--help' || word === '-h'

const run = async (argv: string[], io: Io): Promise<number> => {
  const say = (text: string): void => {
    io.stdout.write(`${text.trimEnd()}\n`)
  }
  const complain = (text: string): void => {
    io.stderr.write(`${text.trimEnd()}\n`)
  }
  const misused = (misuse: string, help: string): number => {
    complain(`${misuse}\n\n${help}`)
    return exitUsage
  }

  const name = argv.filter(word => !word.startsWith('-')).slice(0, 2)
  const wantsHelp = argv.includes('--help') || argv.includes('-h')
  const command = commands.find(each => each.name === name.join(' '))
  if (!command) {
    const group = commands.filter(each => each.name.startsWith(`${name[0]} `))
    const help = group.length > 0 ? helpForAll(group, name[0]) : helpForAll(commands)
    if (wantsHelp && (name.length === 0 || group.length > 0)) {
      say(help)
      return 0
    }
    return misused(name.length === 0 ? 'A command is missing.' : 'There is no such command.', help)
  }
  if (wantsHelp) {
    say(helpFor(command))
    return 0
  }
  const input = readInput(
    command,
    withoutName(argv, name).filter(word => !isFlag(word)),
  )
  if ('misuse' in input) return misused(input.misuse, helpFor(command))

  const opened = await openGiven(command.needs, io)
  if ('errors' in opened) {
    complain(configErrorText(opened.errors))
    return exitConfig
  }
  await using given = opened
  const outcome = await command.run(given as never, input as never, io)
  if ('misuse' in outcome) return misused(outcome.misuse, helpFor(command))
  if ('interrupted' in outcome) return exitInterrupted
  if (argv.includes('--json')) say(JSON.stringify(outcome.data, null, 2))
  else if (outcome.ok) say(outcome.text)
  else complain(outcome.text)
  return outcome.ok ? 0 : 1
}

/** Runs what the words after `latchkey` ask for, and returns the exit code. Ends no process and throws nothing. */
export const runCommandLine = (argv: string[], io: Io): Promise<number> =>
  run(argv, io).catch(fault => {
    const { message, code, exitCode } = fault as { message?: string; code?: string; exitCode?: number }
    const isAway = isOutage(fault)
    io.stderr.write(
      `latchkey: ${isAway ? 'a store does not answer: ' : ''}${message || code || 'unknown fault'}\n`,
    )
    return exitCode ?? (isAway || code === 'ERR_SCHEMA_BEHIND' ? exitUnavailable : exitSoftware)
  })
