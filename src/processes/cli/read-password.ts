import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { Interrupted, Misuse } from './command.ts'
import type { Io } from './io.ts'

// A password on the command line would stand in the list of processes and in the shell's history.

const longest = 4096

type Terminal = Pick<Io, 'stdin' | 'stderr'>

/** A new password: typed twice at a terminal without being shown, or all of a pipe but its last line break. */
export const readPassword = async (io: Terminal): Promise<string | Misuse | Interrupted> => {
  if (!io.stdin.isTTY) return readPipe(io.stdin)
  const first = await ask('Password: ', io)
  if (typeof first !== 'string') return first
  const second = await ask('Once more: ', io)
  if (typeof second !== 'string') return second
  return first === second ? first : { misuse: 'The two passwords are not the same.' }
}

const readPipe = async (stdin: Io['stdin']): Promise<string | Misuse> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stdin) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    length += bytes.length
    if (length > longest) return { misuse: 'The password on standard input is too long.' }
    chunks.push(bytes)
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks))
    const password = text.replace(/\r?\n$/, '')
    return password === '' ? { misuse: 'There is no password on standard input.' } : password
  } catch {
    return { misuse: 'The password on standard input is not UTF-8.' }
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
