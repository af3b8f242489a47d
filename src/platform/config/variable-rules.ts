import { resolve } from 'node:path'
import * as v from 'valibot'
import { canonicalBaseUrl } from '../base/base-url.ts'
import { parseDuration } from '../base/duration.ts'
import { parsePostgresUrl } from './postgres-url.ts'
import { parseRedisUrl } from './redis-url.ts'

// The rules for environment variables. A rule parses the text. Its message says what the text must be and never quotes
// it, because it may be a secret.

/**
 * A rule. `parse` returns null or undefined for text that breaks it. `message` continues a sentence that begins with
 * the name of the variable.
 */
export const rule = <T>(message: string, parse: (text: string) => T | null | undefined) =>
  v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value)
      if (value !== null && value !== undefined) return value
      addIssue({ message })
      return NEVER
    }),
  )

/** A URL with one of these protocols, such as `smtp:`. */
export const url = (...protocols: string[]) =>
  rule(`must be a URL that begins with ${protocols.map(p => `${p}//`).join(' or ')}`, text =>
    URL.canParse(text) && protocols.includes(new URL(text).protocol) ? text : null,
  )

/** A URL that `parse` accepts. The error message comes from `parse`. */
const acceptedBy = (parse: (text: string) => object) =>
  v.pipe(
    v.string(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const read = parse(dataset.value)
      if (!('error' in read)) return dataset.value
      addIssue({ message: String(read.error) })
      return NEVER
    }),
  )

export const redisUrl = acceptedBy(parseRedisUrl)
export const postgresUrl = acceptedBy(parsePostgresUrl)

/** An http or https URL, which may have a path. Trailing slashes are removed. */
export const baseUrl = rule(
  'must be an http(s) address without query, fragment or credentials',
  canonicalBaseUrl,
)

/** A whole number from `least` to `most`. */
export const integer = (least: number, most: number) =>
  rule(`must be a whole number from ${least} to ${most}`, text =>
    /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : null,
  )

const durationWithin = (least: string, most: string, text: string): number | null => {
  const value = parseDuration(text)
  const [from, to] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0]
  return value !== null && value >= from && value <= to ? value : null
}

/** A duration from `least` to `most`, in milliseconds. */
export const duration = (least: string, most: string) =>
  rule(`must be a duration from ${least} to ${most}, such as 90s, 15m, 12h or 7d`, text =>
    durationWithin(least, most, text),
  )

/** A duration in milliseconds, or `off`, which means forever. */
export const durationOrOff = (least: string, most: string) =>
  rule(`must be off, or a duration from ${least} to ${most}, such as 90d`, text =>
    text === 'off' ? ('off' as const) : durationWithin(least, most, text),
  )

export const oneOf = <const T extends string>(...choices: T[]) =>
  rule(`must be one of ${choices.join(', ')}`, text => choices.find(choice => choice === text))

/** A list that is separated by commas. `parse` parses one part. */
export const list = <T>(message: string, parse: (part: string) => T | null | undefined) =>
  rule(message, text => {
    const parts = text
      .split(',')
      .map(part => part.trim())
      .filter(Boolean)
      .map(parse)
    return parts.every(part => part !== null && part !== undefined) ? (parts as T[]) : null
  })

/** Turns a schema into a `parse` for `rule` and `list`. */
export const parsedBy =
  <T>(schema: v.GenericSchema<string, T>) =>
  (text: string) => {
    const result = v.safeParse(schema, text)
    return result.success ? result.output : null
  }

/** A folder, as an absolute path. The processes that read it check whether it exists. */
export const folder = rule('must be a folder', text => resolve(text))

/** `true`, `false`, `on` or `off`, as a boolean. */
export const flag = rule('must be true, false, on or off', text => {
  if (text === 'true' || text === 'on') return true
  return text === 'false' || text === 'off' ? false : null
})
