import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { Interrupted, UsageError } from './command.ts'
import type { Io } from './io.ts'

// A password on the command line would be visible in the list of processes and in the history of the shell.

const maxBytes = 4096

type Terminal = Pick<Io, 'stdin' | 'stderr'>

/** Reads a new password: typed twice at a terminal without echo, or from a pipe, without the last line break. */
export const readPassword = async (io: Terminal): Promise<string | UsageError | Interrupted> => {
  if (!io.stdin.isTTY) return readPipe(io.stdin)
  const first = await ask('Password: ', io)
  if (typeof first !== 'string') return first
  const second = await ask('Repeat the password: ', io)
  if (typeof second !== 'string') return second
  return first === second ? first : { usageError: 'The two passwords differ.' }
}

const readPipe = async (stdin: Io['stdin']): Promise<string | UsageError> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stdin) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    length += bytes.length
    if (length > maxBytes) return { usageError: 'The password on standard input is too long.' }
    chunks.push(bytes)
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks))
    const password = text.replace(/\r?\n$/, '')
    return password === ''
      ? { usageError: 'Standard input is empty. Pipe the password into the command.' }
      : password
  } catch {
    return { usageError: 'The password on standard input is not UTF-8.' }
  }
}

const ask = async (question: string, { stdin, stderr }: Terminal): Promise<string | Interrupted> => {
  stderr.write(question)
  const silence = new Writable({ write: (_chunk, _encoding, next) => next() })
  const terminal = createInterface({ input: stdin, output: silence, terminal: true, historySize: 0 })
  const interrupted = new Promise<Interrupted>(resolve => {
    terminal.once('SIGINT', () => resolve({ interrupted: true }))
  })
  const answer = await Promise.race([terminal.question(''), interrupted])
  terminal.close()
  stderr.write('\n')
  return answer
}
