const [dash, space, dot, zero] = [0x2d, 0x20, 0x2e, 0x30]

const digitsAt = (text: string, from: number, to: number): number => {
  let value = 0
  for (let at = from; at < to; at++) value = value * 10 + text.charCodeAt(at) - zero
  return value
}

/** The milliseconds of a fraction of one to six digits. Smaller units are cut off. */
const millisecondsAt = (text: string, from: number, to: number): number => {
  const end = Math.min(from + 3, to)
  return digitsAt(text, from, end) * 10 ** (from + 3 - end)
}

/**
 * Reads `2026-11-30 22:14:35.123456+00`, the form of a timestamptz that the settings of each session ask for. Other texts, such
 * as `infinity` or a year BC, are left to `other`: the parser of pg, whose regular expressions take four times as long.
 */
export const parseTime =
  (other: (text: string) => unknown) =>
  (text: string): unknown => {
    const isPlain = text.charCodeAt(4) === dash && text.charCodeAt(10) === space && text.endsWith('+00')
    const year = digitsAt(text, 0, 4)
    // `Date.UTC` takes a year below 100 for one of the 20th century.
    if (!isPlain || year < 100) return other(text)
    return new Date(
      Date.UTC(
        year,
        digitsAt(text, 5, 7) - 1,
        digitsAt(text, 8, 10),
        digitsAt(text, 11, 13),
        digitsAt(text, 14, 16),
        digitsAt(text, 17, 19),
        text.charCodeAt(19) === dot ? millisecondsAt(text, 20, text.length - 3) : 0,
      ),
    )
  }
