import { connect } from 'node:net'

// Sends requests that `fetch` would refuse or normalize: unusual targets, repeated headers, bytes outside UTF-8.

export type RawReply = { status: number; headers: Record<string, string>; text: string; body: unknown }

const read = (raw: string): RawReply => {
  const at = raw.indexOf('\r\n\r\n')
  const [first = '', ...lines] = raw.slice(0, at < 0 ? raw.length : at).split('\r\n')
  const text = at < 0 ? '' : raw.slice(at + 4)
  const headers = Object.fromEntries(
    lines.map(line => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  const isJson = text !== '' && /json/.test(headers['content-type'] ?? '')
  return { status: Number(first.split(' ')[1] ?? 0), headers, text, body: isJson ? JSON.parse(text) : null }
}

/**
 * Sends these lines as the head of a request in Latin-1, then the content, and returns the reply once the server has
 * closed the connection. The status is 0 if the server closed it without a reply.
 */
export const sendRaw = async (
  url: string,
  lines: string[],
  content: string | Buffer = '',
): Promise<RawReply> => {
  const { hostname, port } = new URL(url)
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const chunks: Buffer[] = []
  const socket = connect(Number(port), hostname)
  // A server that refuses early may reset the connection while the content is still being sent.
  socket.on('error', () => {})
  socket.on('data', chunk => chunks.push(chunk))
  socket.on('close', () => resolve())
  socket.write(`${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`, 'latin1')
  socket.write(content)
  await closed
  return read(Buffer.concat(chunks).toString('utf8'))
}

/** The head of a request with JSON content, for `sendRaw`. */
export const withContent = (method: string, path: string, length: number, ...more: string[]): string[] => [
  `${method} ${path} HTTP/1.1`,
  'Host: latchkey.test',
  'Content-Type: application/json',
  `Content-Length: ${length}`,
  ...more,
]
