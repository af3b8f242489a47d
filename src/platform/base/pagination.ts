import * as v from 'valibot'
import { decode, encode } from './base64url.ts'
import { trimUnseen } from './copied-text.ts'

// Lists are sorted by id, newest first. Ids sort by time, so new rows never make a page skip or repeat a row.

const perPage = 50

const idShape = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The position after this id as opaque text, for the start of the next page. */
export const writeCursor = (id: string): string => encode(Buffer.from(id))

/** The lowest UUID of version 7 that begins with this time, in milliseconds. */
export const firstIdAt = (time: number): string => {
  const digits = Math.min(Math.max(0, time), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0')
  return `${digits.slice(0, 8)}-${digits.slice(8)}-0000-0000-000000000000`
}

const readCursor =
  (shape: RegExp) =>
  (text: string): string | null => {
    const id = decode(text)?.toString('latin1') ?? ''
    return shape.test(id) ? id : null
  }

const rule = <T>(name: string, message: string, parse: (text: string) => T | null) =>
  v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value)
      if (value !== null) return value
      addIssue({ message, expected: name, received: 'another text', input: undefined })
      return NEVER
    }),
  )

/** The query parameters of a list whose ids have this shape. */
export const pageQueryOf = (shape: RegExp) => ({
  cursor: v.exactOptional(rule('cursor', 'must be the next_cursor of a list', readCursor(shape))),
  limit: v.exactOptional(
    rule('limit', 'must be a whole number from 1 to 100', text =>
      /^[1-9]\d?$|^100$/.test(text) ? Number(text) : null,
    ),
  ),
})

/** The query parameters of a list of rows with a UUID. */
export const pageQuery = pageQueryOf(idShape)

/** A prefix to search for, normalized like stored text. Control characters are refused, as Postgres accepts no NUL. */
export const searchQuery = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(254),
  v.check(text => !/\p{Cc}/u.test(text)),
  v.transform(text => trimUnseen(text).normalize('NFC')),
  v.minLength(1),
)

/** `true` or `false` as a query parameter. */
export const flagQuery = v.pipe(
  v.picklist(['true', 'false']),
  v.transform(text => text === 'true'),
)

/** An ISO 8601 time as a query parameter. */
export const timeQuery = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.transform(text => new Date(text)),
  v.check(time => !Number.isNaN(time.getTime())),
)

export type PageQuery = { cursor?: string; limit?: number }

/** How many rows to query: one more than a page, to find out whether there is a next page. */
export const rowsFor = ({ limit = perPage }: PageQuery): number => limit + 1

/** The reply with a page of rows. */
export const pageOf = <Row extends { id: string }, View>(
  rows: Row[],
  { limit = perPage }: PageQuery,
  view: (row: Row) => View,
): { data: View[]; next_cursor: string | null } => {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { data: page.map(view), next_cursor: rows.length > limit && last ? writeCursor(last.id) : null }
}

/** The schema of a page. `next_cursor` is null on the last page. */
export const pageReply = <S extends v.GenericSchema>(item: S) =>
  v.object({ data: v.array(item), next_cursor: v.nullable(v.string()) })

/** Escapes a text for a LIKE pattern. */
export const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&')
