/**
 * Cuts spaces and tabs off both ends of what a header holds: HTTP knows no other white space (RFC 9110, 5.6.3). `trim` also
 * cuts U+00A0 and would take the cookie `\xA0__Host-latchkey` for `__Host-latchkey`, which no browser guards. A regular
 * expression with `+$` would take the square of the length.
 */
export const trimSpaces = (text: string): string => {
  let [from, to] = [0, text.length]
  while (from < to && isSpace(text.charCodeAt(from))) from++
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return from === 0 && to === text.length ? text : text.slice(from, to)
}

const isSpace = (unit: number): boolean => unit === 0x20 || unit === 0x09

/** The parts of a header between two signs, each without the spaces around it. */
export const partsOf = (header: string, between: ',' | ';'): string[] => header.split(between).map(trimSpaces)

/** How often a header was sent, by its name in lower case. Node's `headers` has one value where several were sent. */
export const timesSent = (rawHeaders: readonly string[], name: string): number => {
  let times = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const sent = rawHeaders[i]
    if (sent?.length === name.length && sent.toLowerCase() === name) times++
  }
  return times
}
