import test from 'ava'
import { isoTime } from '../../../src/platform/base/iso-time.ts'

test('times of all years, and at the borders of days → the same text as toISOString', t => {
  const day = 86_400_000
  const borders = [0, day, 19_000 * day, Date.UTC(2024, 1, 29), Date.UTC(9999, 11, 31), Date.UTC(-1, 0), 1e14]
  const steps = [-1000, -999, -1, 0, 1, 9, 10, 99, 100, 999, 1000, 59_999, 60_000, 3_599_999, 3_600_000]
  const random = Array.from({ length: 5000 }, () => Math.floor((Math.random() - 0.3) * 2e13))
  for (const time of [...borders.flatMap(border => steps.map(step => border + step)), ...random])
    t.is(isoTime(time), new Date(time).toISOString())
})

test('no time → a RangeError, as from toISOString', t => {
  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 1e17])
    t.throws(() => isoTime(time), { instanceOf: RangeError })
})
