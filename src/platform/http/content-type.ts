import { trimSpaces } from '../base/header-text.ts'

// RFC 9110, 8.3.1: a type, then parameters separated by semicolons. Names and charsets are case-insensitive, a value may be
// quoted, and a parameter may be empty. A parameter without a value is ignored, as most servers do.
const parameter = /;[ \t]*(?:([\w!#$%&'*+.^`|~-]+)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;"]*)))?[ \t]*)?/y

/** Charsets that can be decoded as UTF-8: UTF-8 under the names that clients use, and ASCII, its subset. */
const utf8Charsets = ['utf-8', 'utf8', 'us-ascii', 'ascii']

/** The parameters, with duplicates; null if the text is malformed. */
const parametersOf = (text: string): [name: string, value: string | undefined][] | null => {
  const found: [string, string | undefined][] = []
  for (parameter.lastIndex = 0; parameter.lastIndex < text.length; ) {
    const match = parameter.exec(text)
    if (!match) return null
    const [, name, quoted, plain] = match
    if (name) found.push([name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain])
  }
  return found
}

/** The media type of a header in lowercase, and whether its charset can be decoded as UTF-8. Null if it is malformed. */
export const mediaType = (header: string): { type: string; isUtf8: boolean } | null => {
  const [type = ''] = header.split(';', 1)
  const parameters = parametersOf(header.slice(type.length))
  if (!parameters) return null
  const isUtf8 = parameters.every(
    ([name, value = '']) => name !== 'charset' || utf8Charsets.includes(trimSpaces(value).toLowerCase()),
  )
  return { type: trimSpaces(type).toLowerCase(), isUtf8 }
}

/** Whether a header declares JSON that can be decoded as UTF-8. */
export const isJson = (header: string | undefined): boolean => {
  const read = mediaType(header ?? '')
  return read?.type === 'application/json' && read.isUtf8
}
