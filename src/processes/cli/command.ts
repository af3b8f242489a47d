import { userInfo } from 'node:os'
import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import type { Io } from './io.ts'

type Schema = v.GenericSchema

/** What a command is given, by what it says that it needs: the stores that it does not need may be down. */
export type Given = {
  configuration: Pick<Deps, 'config'>
  database: Pick<Deps, 'config' | 'clock' | 'log' | 'database' | 'readFromReplica'>
  everything: Deps
}

export type Needs = keyof Given

/** What follows the name of a command. A schema that takes `undefined` makes it optional. */
export type Argument = { schema: Schema; help: string }
/** `value` names what is to follow; without it the option is a flag. */
export type Option = { help: string } & (
  | { value: string; schema: Schema }
  | { value?: never; schema?: never }
)

type ArgumentsOf<A> = {
  [K in keyof A]: A[K] extends { schema: infer S extends Schema } ? v.InferOutput<S> : never
}
type OptionsOf<O> = {
  [K in keyof O]: O[K] extends { schema: infer S extends Schema } ? v.InferOutput<S> | undefined : boolean
}

/** What a command comes to: `data` is what `--json` prints, `text` is for people. Refused ones end with 1. */
export type Outcome = { ok: boolean; data: unknown; text: string }

/** The words were wrong: ends with 64. */
export type Misuse = { misuse: string }

/** Ctrl-C at a prompt: ends with 130. */
export type Interrupted = { interrupted: true }

type Result = Promise<Outcome | Misuse | Interrupted>

/** A command with its types rubbed off, as the table of contents holds it. */
export type Command = {
  name: string
  summary: string
  description?: string
  arguments: Record<string, Argument>
  options: Record<string, Option>
  needs: Needs
  run: (deps: never, input: never, io: Io) => Result
}

/** A command as a value: its parsing, its help and its types come from this one place. */
export const command = <
  const N extends Needs,
  const A extends Record<string, Argument>,
  const O extends Record<string, Option>,
>(
  spec: Omit<Command, 'needs' | 'arguments' | 'options' | 'run'> & {
    needs: N
    arguments: A
    options: O
    run: (deps: Given[N], input: { arguments: ArgumentsOf<A>; options: OptionsOf<O> }, io: Io) => Result
  },
): Command => spec as unknown as Command

export const isOptional = ({ schema }: Argument): boolean => v.safeParse(schema, undefined).success

export const done = (data: unknown, text: string): Outcome => ({ ok: true, data, text })

/** `code` is one of the problems' or as stable as they are. */
export const refused = (code: string, text: string, more: object = {}): Outcome => ({
  ok: false,
  data: { error: { code, message: text, ...more } },
  text,
})

// A container may run under a number that has no name.
const nameOnMachine = (): string => {
  try {
    return process.env.SUDO_USER || userInfo().username
  } catch {
    return ''
  }
}

/** Who acts where an operator does: nobody with an account, so audit events name the user of the machine. */
export const operator = {
  actorId: null,
  origin: { ip: '', userAgent: 'latchkey command', operator: nameOnMachine() },
} as const
