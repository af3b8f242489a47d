import { trimSpaces } from '../base/header-text.ts'

// RFC 9110, 8.3.1: a type, then parameters between semicolons. Names and charsets have no case, a value may be quoted, and
// between two semicolons there may be nothing. A parameter without a value is ignored, as most servers do.
const parameter = /;[ \t]*(?:([\w!#$%&'*+.^`|~-]+)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;"]*)))?[ \t]*)?/y

/** What UTF-8 reads as it was meant: itself under the names that clients give it, and ASCII, which is a part of it. */
const readAsUtf8 = ['utf-8', 'utf8', 'us-ascii', 'ascii']

/** The parameters, or null where the text is none. Of one that comes twice, each is there. */
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

/** The media type of a header in lower case, and whether UTF-8 reads its charset. Null where the text is none. */
export const mediaType = (header: string): { type: string; isUtf8: boolean } | null => {
  const [type = ''] = header.split(';', 1)
  const parameters = parametersOf(header.slice(type.length))
  if (!parameters) return null
  const isUtf8 = parameters.every(
    ([name, value = '']) => name !== 'charset' || readAsUtf8.includes(trimSpaces(value).toLowerCase()),
  )
  return { type: trimSpaces(type).toLowerCase(), isUtf8 }
}

/** Whether a header says that the content is JSON which UTF-8 reads. */
export const isJson = (header: string | undefined): boolean => {
  const read = mediaType(header ?? '')
  return read?.type === 'application/json' && read.isUtf8
}
