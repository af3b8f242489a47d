import * as v from 'valibot'
import { type ImportedUser, importedUser } from './schemas.ts'
import { maxLineBytes, tooLong } from './types.ts'

// In a broken file a value can stand in the place of a field name. Only text that looks like a name is repeated, so that
// the report contains no personal data.
const namedField = (name: string): string =>
  /^[A-Za-z_][\w.-]{0,39}$/.test(name) ? `there is no field ${name}` : 'there is an unknown field'

const unknownFields = (line: object): string[] =>
  Object.keys(line)
    .filter(name => !Object.hasOwn(importedUser.entries, name))
    .slice(0, 20)
    .map(namedField)

const reasonOf = (issue: v.BaseIssue<unknown>): string => {
  const name = issue.path?.[0]?.key
  if (name === undefined) return 'the line must be a JSON object'
  if (issue.type === 'strict_object') return `${name} is missing`
  return `${name} ${issue.message}`
}

/** Reads one account, or says why the line is rejected. The reason contains none of the values in the line. */
export const parseLine = (text: string): { user: ImportedUser } | { reason: string } => {
  if (text.length > maxLineBytes) return tooLong
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch {
    return { reason: 'the line is not JSON' }
  }
  const read = v.safeParse(importedUser, Array.isArray(line) ? null : line, { abortPipeEarly: true })
  if (read.success) return { user: read.output }
  const known = read.issues.filter(({ expected }) => expected !== 'never').map(reasonOf)
  const unknown = typeof line === 'object' && line !== null && !Array.isArray(line) ? unknownFields(line) : []
  return { reason: [...new Set([...known, ...unknown])].join('; ') }
}
