import type * as v from 'valibot'

/** A problem that the API replies with, for each code. Codes are a public contract: they are added, never changed. */
export type ProblemDefinition<C extends string = string> = {
  readonly code: C
  readonly status: number
  readonly title: string
  /** What the problem means and what to do about it, for the developer of a client. */
  readonly help: string
  /** If there are several reasons: the sentence of each reason, by its name. The reply has it as `detail` (RFC 9457). */
  readonly details?: Readonly<Record<string, string>>
  /** Whether a reply may leave out the reason. */
  readonly isDetailOptional?: true
  /** The members that the reply has besides those of every problem (RFC 9457, section 3.2). */
  readonly members?: v.GenericSchema<Members>
  /** Whether the reply may have a `Retry-After`. */
  readonly isRetriable?: true
  /** The `error` of a reply below `/oauth`. Without it the status decides. */
  readonly oauthError?: string
}

type Members = Readonly<Record<string, unknown>>

type Parts = Omit<ProblemDefinition, 'code'>

/** Defines problems by their codes. */
export const defineProblems = <const T extends Readonly<Record<string, Parts>>>(
  table: T,
): { readonly [C in keyof T & string]: T[C] & { readonly code: C } } => {
  const defined = Object.entries(table).map(([code, parts]) => [code, { ...parts, code }] as const)
  return Object.fromEntries(defined) as { [C in keyof T & string]: T[C] & { code: C } }
}

/** One definition for each code. A later definition of a code adds its reasons to the first one. */
export const mergeProblems = (definitions: readonly ProblemDefinition[]): ProblemDefinition[] => {
  const merged = new Map<string, ProblemDefinition>()
  for (const definition of definitions) {
    const first = merged.get(definition.code)
    const details = { ...first?.details, ...definition.details }
    merged.set(definition.code, first ? { ...first, details } : definition)
  }
  return [...merged.values()]
}

export type FieldError = { path: string; rule: string; message: string }

/** What a reply adds to its problem. `retryAfter` is in seconds. */
type Additions = {
  errors?: FieldError[]
  retryAfter?: number
  headers?: Record<string, string>
  members?: Members
}

/** The names of the reasons of a problem. */
export type DetailOf<D> = D extends { details: infer S } ? keyof S & string : never

/** The arguments beside the code. A problem with several reasons requires the name of one. */
export type ArgumentsOf<D> = D extends { details: object }
  ? D extends { isDetailOptional: true }
    ? [Additions & { detail?: DetailOf<D> }] | []
    : [Additions & { detail: DetailOf<D> }]
  : D extends { members: v.GenericSchema }
    ? [Additions & { members: v.InferInput<D['members']> & Members }]
    : [Additions] | []

/** The arguments of any problem. */
export type AnyArguments = Additions & { detail?: string }

/** The name of a code in addresses: `USER_EXISTS` is explained at `/problems/user-exists`. */
export const problemSlug = (code: string): string => code.toLowerCase().replaceAll('_', '-')
