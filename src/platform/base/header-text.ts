/**
 * Cuts spaces and tabs, the only white space of HTTP (RFC 9110, 5.6.3), off both ends of a header value. `trim` also cuts
 * U+00A0: it would read the cookie `\xA0__Host-latchkey`, which browsers do not protect, as `__Host-latchkey`. A regular
 * expression with `+$` would take quadratic time.
 */
export const trimSpaces = (text: string): string => {
  let [from, to] = [0, text.length]
  while (from < to && isSpace(text.charCodeAt(from))) from++
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return from === 0 && to === text.length ? text : text.slice(from, to)
}

const isSpace = (unit: number): boolean => unit === 0x20 || unit === 0x09

/** The parts of a header value, split at a character and without the spaces around them. */
export const partsOf = (header: string, between: ',' | ';'): string[] => header.split(between).map(trimSpaces)

/** How many times a header was sent, by its name in lower case. Node's `headers` merges several into one value. */
export const timesSent = (rawHeaders: readonly string[], name: string): number => {
  let times = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const sent = rawHeaders[i]
    if (sent?.length === name.length && sent.toLowerCase() === name) times++
  }
  return times
}
