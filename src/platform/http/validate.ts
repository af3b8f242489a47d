import * as v from 'valibot'
import { nearName, squeezed } from '../base/near-name.ts'
import type { FieldError } from '../catalog/problem-definition.ts'
import { Problem } from '../catalog/problems.ts'
import type { Schema } from './route.ts'

// The messages of valibot quote the value, so they are replaced.
const messages: Record<string, string> = {
  missing: 'This field is required.',
  string: 'This must be a string.',
  boolean: 'This must be true or false.',
  array: 'This must be a list.',
  object: 'This must be an object.',
}

// A body of the wrong type can hold secrets in place of a field name, such as a form whose only field is called
// `{"password":"…"}`. So a name is quoted only up to the first character that no field name has.
const quoted = (name: string): string => name.slice(0, 64).replace(/[^\w .[\]-].*$/s, '')

const fieldError = (issue: v.BaseIssue<unknown>): FieldError => {
  const path = quoted(v.getDotPath(issue) ?? '')
  // Fields of our own name their rule, and their message does not contain the value.
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

const optionsOf = (schema: Schema): Strict[] =>
  schema.type === 'union' ? (schema as unknown as Union).options : []

// Of a union, validates against the option that shares most field names with the input, so that the errors are helpful.
const closestOption = (schema: Schema, input: unknown): Schema => {
  if (schema.type !== 'union') return schema
  const names = new Set(Object.keys((input ?? {}) as object).map(squeezed))
  const shared = ({ entries }: Strict) =>
    Object.keys(entries).filter(name => names.has(squeezed(name))).length
  return optionsOf(schema).reduce((best, option) =>
    shared(option) > shared(best) ? option : best,
  ) as unknown as Schema
}

/** Errors that one reply lists. */
const maxErrors = 20

/** A field of another option of the union. `own` has the fields of the option that the rest of the input fits. */
const misplacedField = (name: string, option: Strict, own: readonly string[]): FieldError => {
  const beside = own.filter(field => !Object.hasOwn(option.entries, field)).map(field => `\`${field}\``)
  return { path: name, rule: 'unknown', message: `Send this field or ${beside.join(', ')}, not both.` }
}

const unknownField = (name: string, fields: readonly string[], input: object): FieldError => {
  const near = nearName(name, fields)
  const hint = near && !Object.hasOwn(input, near) ? ` Did you mean \`${near}\`?` : ''
  return { path: quoted(name), rule: 'unknown', message: `There is no such field.${hint}` }
}

// Valibot reports only the first unknown field.
const unknownFields = (schema: Schema, input: unknown, options: readonly Strict[]): FieldError[] => {
  if (schema.type !== 'strict_object' || typeof input !== 'object' || input === null) return []
  const { entries } = schema as unknown as Strict
  const fields = Object.keys(entries)
  return Object.keys(input)
    .filter(name => !Object.hasOwn(entries, name))
    .slice(0, maxErrors)
    .map(name => {
      const sent = fields.filter(field => Object.hasOwn(input, field))
      const option = options.find(
        ({ entries }) => Object.hasOwn(entries, name) && !sent.every(field => Object.hasOwn(entries, field)),
      )
      return option ? misplacedField(name, option, sent) : unknownField(name, fields, input)
    })
}

/** Names the fields to choose from if each option has one field of its own, and the input has none of these. */
const chosenField = (error: FieldError, options: readonly Strict[]): FieldError => {
  const isShared = (name: string) => options.every(({ entries }) => Object.hasOwn(entries, name))
  const own = options.map(({ entries }) => Object.keys(entries).filter(name => !isShared(name)))
  const names = own.flat()
  const isChoice = own.every(({ length }) => length === 1) && names.includes(error.path)
  if (error.rule !== 'missing' || !isChoice) return error
  return { ...error, message: `Send one of these fields: ${names.map(name => `\`${name}\``).join(', ')}.` }
}

/** Parses untrusted input. The returned value has the type of the schema. */
export const validate = (
  schema: Schema,
  input: unknown,
): { value: unknown } | Problem<'VALIDATION_ERROR'> => {
  const one = closestOption(schema, input)
  const result = v.safeParse(one, input)
  if (result.success) return { value: result.output }
  const known = result.issues.filter(({ expected }) => expected !== 'never').map(fieldError)
  const options = optionsOf(schema)
  const named = known.map(error => (options.length > 0 ? chosenField(error, options) : error))
  const errors = [...named, ...unknownFields(one, input, options)].slice(0, maxErrors)
  return new Problem('VALIDATION_ERROR', { errors })
}
