import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { importRefusal, toPhcFormat } from '../../platform/crypto/framework-hash.ts'
import { isImportable } from '../../platform/crypto/password.ts'

/** In bytes. */
export const longestLine = 65_536
export const tooLong = { reason: `the line is longer than ${longestLine} bytes` }

const hash = v.pipe(
  v.string('must be a text'),
  v.rawTransform<string, string | null>(({ dataset, addIssue, NEVER }) => {
    const given = dataset.value
    // Django stores `!` and some letters for an account without a password.
    if (given.startsWith('!')) return null
    const read = toPhcFormat(given)
    if (isImportable(read)) return read
    addIssue({ message: importRefusal(given) })
    return NEVER
  }),
)

const roles = v.pipe(
  v.array(v.picklist(['user', 'admin'], 'must be "user" or "admin"'), 'must be a list'),
  v.minLength(1, 'must name one role at least'),
  v.transform(names => [...new Set(names)]),
)

// `Date` takes the 31st of February for the 2nd of March.
const isDay = (text: string): boolean => {
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`)
  return !Number.isNaN(day.getTime()) && day.toISOString().slice(0, 10) === text.slice(0, 10)
}
const isPast = (text: string): boolean => {
  const time = new Date(text).getTime()
  return time >= 0 && time <= Date.now()
}

const time = v.pipe(
  v.string('must be a text'),
  v.isoTimestamp('must be an ISO 8601 time with a zone'),
  v.check(text => isDay(text) && isPast(text), 'must be a time between 1970 and now'),
  v.transform(text => new Date(text).toISOString()),
)

const importedUser = v.strictObject({
  email: field.email,
  password_hash: v.nullish(hash, null),
  email_verified: v.nullish(v.boolean('must be true or false'), false),
  full_name: v.nullish(field.fullName, null),
  phone: v.nullish(field.phone, null),
  address: v.nullish(field.address, null),
  preferred_language: v.nullish(field.languageTag, null),
  roles: v.nullish(roles, ['user']),
  created_at: v.nullish(time, () => new Date().toISOString()),
})

export type ImportedUser = v.InferOutput<typeof importedUser>

// In a broken file a value may stand where a name should: only what looks like a name is said.
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

/** One account of another system, or why the line is none: in words that hold none of its values. */
export const readLine = (text: string): { user: ImportedUser } | { reason: string } => {
  if (text.length > longestLine) return tooLong
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
