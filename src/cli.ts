#!/usr/bin/env node
import { existsSync } from 'node:fs'
import type { Command, Misuse, Outcome } from './cli/command.ts'
import { emailCommands } from './cli/email-commands.ts'
import { helpFor, helpForAll } from './cli/help.ts'
import { importCommands } from './cli/import-command.ts'
import { keyCommands } from './cli/key-commands.ts'
import { openGiven } from './cli/open-given.ts'
import { readInput } from './cli/read-input.ts'
import { userCommands } from './cli/user-commands.ts'
import { webhookCommands } from './cli/webhook-commands.ts'
import { devEnvFile } from './local/dev-env.ts'
import { isFault } from './storage/faults.ts'

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

const say = (text: string): void => {
  process.stdout.write(`${text.trimEnd()}\n`)
}
const complain = (text: string): void => {
  process.stderr.write(`${text.trimEnd()}\n`)
}

const misused = (misuse: string, help: string): number => {
  complain(`${misuse}\n\n${help}`)
  return exitUsage
}

/** Everything but the name of the command, which may stand behind a flag that all commands take. */
const withoutName = (argv: string[], [group, verb]: string[]): string[] => {
  const rest = [...argv]
  for (const word of [group, verb]) rest.splice(rest.indexOf(word ?? ''), 1)
  return rest
}

const isFlag = (word: string): boolean => word === '--json' || word === '--help' || word === '-h'

const main = async (argv: string[]): Promise<number> => {
  const name = argv.filter(word => !word.startsWith('-')).slice(0, 2)
  const wantsHelp = argv.includes('--help') || argv.includes('-h')
  const command = commands.find(each => each.name === name.join(' '))
  if (!command) {
    const group = commands.filter(each => each.name.startsWith(`${name[0]} `))
    const help = helpForAll(group.length > 0 ? group : commands)
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

  await using given = await openGiven(command.needs)
  const outcome: Outcome | Misuse = await command.run(given as never, input as never)
  if ('misuse' in outcome) return misused(outcome.misuse, helpFor(command))
  if (argv.includes('--json')) say(JSON.stringify(outcome.data, null, 2))
  else if (outcome.ok) say(outcome.text)
  else complain(outcome.text)
  return outcome.ok ? 0 : 1
}

for (const file of ['.env', devEnvFile]) if (existsSync(file)) process.loadEnvFile(file)

process.exitCode = await main(process.argv.slice(2)).catch(fault => {
  const { message, code } = fault as { message?: string; code?: string }
  const unavailable = isFault(fault)
  complain(`latchkey: ${unavailable ? 'a store does not answer: ' : ''}${message || code || 'unknown fault'}`)
  return unavailable ? exitUnavailable : exitSoftware
})
