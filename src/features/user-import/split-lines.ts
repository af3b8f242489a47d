import { type Line, maxLineBytes, tooLong } from './types.ts'

const notText = { reason: 'the line is not UTF-8' }

/**
 * Splits bytes into lines without their line feed. A line that is not UTF-8 or too long yields the reason instead. The
 * bytes of a line that is too long are counted but not stored, so memory is bounded by the longest valid line.
 */
export async function* splitLines(bytes: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let parts: Buffer[] = []
  let length = 0

  const add = (part: Buffer): void => {
    length += part.length
    if (length > maxLineBytes) parts = []
    else if (part.length > 0) parts.push(part)
  }
  const end = (): Line => {
    const line = length > maxLineBytes ? null : Buffer.concat(parts)
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
