import * as v from 'valibot'
import { nearName, squeezed } from '../base/near-name.ts'
import { type FieldError, Problem } from '../catalog/problems.ts'
import type { Schema } from './route.ts'

// The validator's own messages quote the value, so none is passed on.
const messages: Record<string, string> = {
  missing: 'This field is required.',
  string: 'This must be a string.',
  boolean: 'This must be true or false.',
  array: 'This must be a list.',
  object: 'This must be an object.',
}

// Of a body that came as another type than it is, all of it may stand where a name should: a form whose only field is
// called `{"password":"…"}`. A name is quoted up to what none has.
const quoted = (name: string): string => name.slice(0, 64).replace(/[^\w .[\]-].*$/s, '')

const fieldError = (issue: v.BaseIssue<unknown>): FieldError => {
  const path = quoted(v.getDotPath(issue) ?? '')
  // The fields of our own name their rule and say it without the value.
  if (issue.type === 'raw_transform')
    return { path, rule: issue.expected ?? 'format', message: `This ${issue.message}.` }
  const rule = ruleOf(issue)
  return { path, rule, message: messages[rule] ?? 'This does not follow the rule of the field.' }
}

const ruleOf = (issue: v.BaseIssue<unknown>): string => {
  if (issue.received === 'undefined') return 'missing'
  return issue.type
}

type Strict = { type: 'strict_object'; entries: Record<string, unknown> }
type Union = { type: 'union'; options: Strict[] }

// Of alternatives the one that shares most names with the input is what was meant: its faults say something.
const meant = (schema: Schema, input: unknown): Schema => {
  if (schema.type !== 'union') return schema
  const names = new Set(Object.keys((input ?? {}) as object).map(squeezed))
  const shared = ({ entries }: Strict) =>
    Object.keys(entries).filter(name => names.has(squeezed(name))).length
  const { options } = schema as unknown as Union
  return options.reduce((best, option) =>
    shared(option) > shared(best) ? option : best,
  ) as unknown as Schema
}

/** As many faults as one reply names. */
const atMost = 20

const unknownField = (name: string, fields: readonly string[], input: object): FieldError => {
  const near = nearName(name, fields)
  const hint = near && !Object.hasOwn(input, near) ? ` Did you mean \`${near}\`?` : ''
  return { path: quoted(name), rule: 'unknown', message: `There is no such field.${hint}` }
}

// The validator stops at the first field that it does not know.
const unknownFields = (schema: Schema, input: unknown): FieldError[] => {
  if (schema.type !== 'strict_object' || typeof input !== 'object' || input === null) return []
  const { entries } = schema as unknown as Strict
  const fields = Object.keys(entries)
  return Object.keys(input)
    .filter(name => !Object.hasOwn(entries, name))
    .slice(0, atMost)
    .map(name => unknownField(name, fields, input))
}

/** Parses input at the door. What it returns may be trusted inside. */
export const validate = (
  schema: Schema,
  input: unknown,
): { value: unknown } | Problem<'VALIDATION_ERROR'> => {
  const one = meant(schema, input)
  const result = v.safeParse(one, input)
  if (result.success) return { value: result.output }
  const known = result.issues.filter(({ expected }) => expected !== 'never').map(fieldError)
  const errors = [...known, ...unknownFields(one, input)].slice(0, atMost)
  return new Problem('VALIDATION_ERROR', { errors })
}
