/** A value that pg sends as text. pg encodes others, such as dates, bytes and arrays, in ways of its own. */
export type PlainValue = string | number | boolean | null

export const isPlain = (value: unknown): value is PlainValue =>
  value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'

const describePortal = Buffer.from('D\0\0\0\x06P\0', 'latin1')
const executeAndSync = Buffer.from('E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04', 'latin1')

/**
 * Bind, Execute and Sync, with Describe if the columns are not known
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html).
 */
export const bindAndExecute = (name: string, values: readonly PlainValue[], describes: boolean): Buffer => {
  const texts = values.map(value => (value === null ? null : String(value)))
  const lengths = texts.map(text => (text === null ? -1 : Buffer.byteLength(text)))
  const size = lengths.reduce((sum, length) => sum + 4 + Math.max(length, 0), 4 + 1 + name.length + 1 + 6)
  const tail = describes ? describePortal.length : 0
  const buffer = Buffer.allocUnsafe(1 + size + tail + executeAndSync.length)
  buffer[0] = 66 // B
  let at = buffer.writeInt32BE(size, 1)
  buffer[at++] = 0
  at += buffer.write(name, at, 'latin1')
  buffer[at++] = 0
  at = buffer.writeInt16BE(0, at)
  at = buffer.writeInt16BE(texts.length, at)
  for (let i = 0; i < texts.length; i++) {
    at = buffer.writeInt32BE(lengths[i] as number, at)
    const text = texts[i]
    if (typeof text === 'string') at += buffer.write(text, at)
  }
  at = buffer.writeInt16BE(0, at)
  if (describes) at += describePortal.copy(buffer, at)
  executeAndSync.copy(buffer, at)
  return buffer
}
