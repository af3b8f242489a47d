import { longestLine, tooLong } from './rules.ts'

const notText = { reason: 'the line is not UTF-8' }

/**
 * Reads lines out of bytes: each as a text without its end, or why it is none. A line that is too long is not kept, only
 * counted, so a file takes no more memory than its longest good line.
 */
export async function* readLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<string | { reason: string }> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let parts: Buffer[] = []
  let length = 0

  const add = (part: Buffer): void => {
    length += part.length
    if (length > longestLine) parts = []
    else if (part.length > 0) parts.push(part)
  }
  const end = (): string | { reason: string } => {
    const line = length > longestLine ? null : Buffer.concat(parts)
    parts = []
    length = 0
    if (!line) return tooLong
    try {
      return decoder.decode(line)
    } catch {
      return notText
    }
  }

  for await (const chunk of bytes) {
    let start = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, start)) {
      add(chunk.subarray(start, at))
      yield end()
      start = at + 1
    }
    add(chunk.subarray(start))
  }
  if (length > 0) yield end()
}
