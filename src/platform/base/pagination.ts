import * as v from 'valibot'
import { decode, encode } from './base64url.ts'
import { trimUnseen } from './copied-text.ts'

// Lists go by id, newest first: ids sort by time, so a page neither skips nor repeats when rows come in between.

const perPage = 50

const idShape = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Where the next page begins, as an opaque text. */
export const writeCursor = (id: string): string => encode(Buffer.from(id))

const readCursor = (text: string): string | null => {
  const id = decode(text)?.toString('latin1') ?? ''
  return idShape.test(id) ? id : null
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

/** What every list takes. */
export const pageQuery = {
  cursor: v.exactOptional(rule('cursor', 'must be the next_cursor of a list', readCursor)),
  limit: v.exactOptional(
    rule('limit', 'must be a whole number from 1 to 100', text =>
      /^[1-9]\d?$|^100$/.test(text) ? Number(text) : null,
    ),
  ),
}

/** The beginning of something, in the form that it is kept in. Postgres takes no NUL. */
export const searchQuery = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(254),
  v.check(text => !/\p{Cc}/u.test(text)),
  v.transform(text => trimUnseen(text).normalize('NFC')),
  v.minLength(1),
)

export const flagQuery = v.pipe(
  v.picklist(['true', 'false']),
  v.transform(text => text === 'true'),
)

export const timeQuery = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.transform(text => new Date(text)),
  v.check(time => !Number.isNaN(time.getTime())),
)

export type PageQuery = { cursor?: string; limit?: number }

/** How many rows to ask for: one more than a page, which tells whether there is a next one. */
export const rowsFor = ({ limit = perPage }: PageQuery): number => limit + 1

/** A page of rows, as replies show one. */
export const pageOf = <Row extends { id: string }, View>(
  rows: Row[],
  { limit = perPage }: PageQuery,
  view: (row: Row) => View,
): { data: View[]; next_cursor: string | null } => {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { data: page.map(view), next_cursor: rows.length > limit && last ? writeCursor(last.id) : null }
}

export const pageReply = <S extends v.GenericSchema>(item: S) =>
  v.object({ data: v.array(item), next_cursor: v.nullable(v.string()) })

/** A text that a LIKE pattern takes as it is. */
export const literally = (text: string): string => text.replace(/[\\%_]/g, '\\$&')
