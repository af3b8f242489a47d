import { userInfo } from 'node:os'
import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import type { Io } from './io.ts'

type Schema = v.GenericSchema

/** The dependencies of a command, by what it needs. Stores that it does not need may be down. */
export type CommandDeps = {
  configuration: Pick<Deps, 'config'>
  database: Pick<Deps, 'config' | 'clock' | 'log' | 'secrets' | 'database' | 'readFromReplica'>
  everything: Deps
}

export type Needs = keyof CommandDeps

/** A positional argument of a command. It is optional if its schema accepts `undefined`. */
export type Argument = { schema: Schema; help: string }
/**
 * An option of a command. `value` names its value; without it the option is a flag. A `repeatable` option has a schema for
 * the list of its values.
 */
export type Option = { help: string } & (
  | { value: string; schema: Schema; repeatable?: true }
  | { value?: never; schema?: never; repeatable?: never }
)

type ArgumentsOf<A> = {
  [K in keyof A]: A[K] extends { schema: infer S extends Schema } ? v.InferOutput<S> : never
}
type OptionsOf<O> = {
  [K in keyof O]: O[K] extends { schema: infer S extends Schema } ? v.InferOutput<S> | undefined : boolean
}

/** The result of a command. `--json` prints `data`, else `text` is printed. If it is not `ok`, the exit code is 1. */
export type Outcome = { ok: boolean; data: unknown; text: string }

/** Wrong arguments: the exit code is 64. */
export type UsageError = { usageError: string }

/** Ctrl-C at a prompt: the exit code is 130. */
export type Interrupted = { interrupted: true }

type Result = Promise<Outcome | UsageError | Interrupted>

/** A command without its own types, for the list of all commands. */
export type Command = {
  name: string
  summary: string
  description?: string
  arguments: Record<string, Argument>
  options: Record<string, Option>
  needs: Needs
  run: (deps: never, input: never, io: Io) => Result
}

/** Defines a command. Parsing, help and types derive from this one value. */
export const command = <
  const N extends Needs,
  const A extends Record<string, Argument>,
  const O extends Record<string, Option>,
>(
  spec: Omit<Command, 'needs' | 'arguments' | 'options' | 'run'> & {
    needs: N
    arguments: A
    options: O
    run: (deps: CommandDeps[N], input: { arguments: ArgumentsOf<A>; options: OptionsOf<O> }, io: Io) => Result
  },
): Command => spec as unknown as Command

/** Whether an argument may be left out. */
export const isOptional = ({ schema }: Argument): boolean => v.safeParse(schema, undefined).success

/** The outcome of a command that succeeded. */
export const done = (data: unknown, text: string): Outcome => ({ ok: true, data, text })

/** A refusal. `code` is a problem code, or one that stays as stable. */
export const refused = (code: string, text: string, extra: object = {}): Outcome => ({
  ok: false,
  data: { error: { code, message: text, ...extra } },
  text,
})

// In a container the process may run under a user id without a name.
const systemUser = (): string => {
  try {
    return process.env.SUDO_USER || userInfo().username
  } catch {
    return ''
  }
}

/** The actor of every command. An operator needs no account, so audit events name the user of the machine instead. */
export const operator = {
  actorId: null,
  origin: { ip: '', userAgent: 'latchkey command', operator: systemUser() },
} as const
