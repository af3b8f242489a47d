import test from 'ava'
import pg from 'pg'
import { parseTime } from '../../../src/platform/postgres/parse-time.ts'

const parsePg = pg.types.getTypeParser(1184, 'text')
const parse = parseTime(parsePg)

test('a time in any form that Postgres writes → the same as from the parser of pg', t => {
  const fractions = Array.from({ length: 1000 }, (_, i) => String(i * 1001).padStart(6, '0'))
  const all = [
    ...fractions.map(digits => `2026-11-30 22:14:35.${digits.replace(/0+$/, '') || '1'}+00`),
    ...['2026-11-30 22:14:35+00', '1970-01-01 00:00:00+00', '1969-12-31 23:59:59.999999+00'],
    ...['2024-02-29 12:00:00.5+00', '9999-12-31 23:59:59.99+00', '0099-01-02 03:04:05+00'],
    ...['0100-01-01 00:00:00+00', '10000-01-01 00:00:00+00', '294276-12-31 23:59:59.999999+00'],
    ...['0044-03-15 12:00:00+00 BC', '4713-01-01 00:00:00+00 BC', 'infinity', '-infinity'],
    ...['2026-11-30 22:14:35+05:30', '2026-11-30 22:14:35.123-08'],
  ]
  for (const text of all) t.deepEqual(parse(text), parsePg(text), text)
})

test('a time in the usual form → the parser of pg is not asked', t => {
  const own = parseTime(text => t.fail(text))
  t.deepEqual(own('2026-11-30 22:14:35.12345+00'), new Date('2026-11-30T22:14:35.123Z'))
})
