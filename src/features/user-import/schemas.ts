import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { importRefusal, toPhcFormat } from '../../platform/crypto/framework-hash.ts'
import { isImportable } from '../../platform/crypto/password.ts'

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

// `Date` reads February 31 as March 2 or 3 instead of rejecting it.
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

/** An account of another system, as one JSON object of the file. */
export const importedUser = v.strictObject({
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
