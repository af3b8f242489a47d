import * as v from 'valibot'
import { type FieldError, Problem } from '../base/problems.ts'
import type { Schema } from './route.ts'

// The validator's own messages quote the value, so none is passed on.
const messages: Record<string, string> = {
  missing: 'This field is required.',
  unknown: 'There is no such field.',
  string: 'This must be a string.',
  boolean: 'This must be true or false.',
  array: 'This must be a list.',
  object: 'This must be an object.',
}

// Of a body that came as another type than it is, all of it may stand where a name should: a form whose only field is
// called `{"password":"…"}`. A name is quoted up to what none has.
const nameOf = (issue: v.BaseIssue<unknown>): string =>
  (v.getDotPath(issue) ?? '').slice(0, 64).replace(/[^\w .[\]-].*$/s, '')

const fieldError = (issue: v.BaseIssue<unknown>): FieldError => {
  const path = nameOf(issue)
  // The fields of our own name their rule and say it without the value.
  if (issue.type === 'raw_transform')
    return { path, rule: issue.expected ?? 'format', message: `This ${issue.message}.` }
  const rule = ruleOf(issue)
  return { path, rule, message: messages[rule] ?? 'This does not follow the rule of the field.' }
}

const ruleOf = (issue: v.BaseIssue<unknown>): string => {
  if (issue.expected === 'never') return 'unknown'
  if (issue.received === 'undefined') return 'missing'
  return issue.type
}

type Union = { type: 'union'; options: { entries: Record<string, unknown> }[] }

// Of alternatives the one that shares most names with the input is what was meant: its faults say something.
const meant = (schema: Schema, input: unknown): Schema => {
  if (schema.type !== 'union') return schema
  const names = Object.keys((input ?? {}) as object)
  const shared = ({ entries }: Union['options'][number]) => names.filter(name => name in entries).length
  const { options } = schema as unknown as Union
  return options.reduce((best, option) =>
    shared(option) > shared(best) ? option : best,
  ) as unknown as Schema
}

/** Parses input at the door. What it returns may be trusted inside. */
export const validate = (
  schema: Schema,
  input: unknown,
): { value: unknown } | Problem<'VALIDATION_ERROR'> => {
  const result = v.safeParse(meant(schema, input), input)
  if (result.success) return { value: result.output }
  return new Problem('VALIDATION_ERROR', { errors: result.issues.slice(0, 20).map(fieldError) })
}
