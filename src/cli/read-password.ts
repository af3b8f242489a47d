import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'

// A password on the command line would stand in the list of processes and in the shell's history.

const longest = 4096

/** A new password: typed twice at a terminal without being shown, or all of a pipe but its last line break. */
export const readPassword = async (): Promise<string | { misuse: string }> => {
  if (!process.stdin.isTTY) return readPipe()
  const first = await ask('Password: ')
  const second = await ask('Once more: ')
  return first === second ? first : { misuse: 'The two passwords are not the same.' }
}

const readPipe = async (): Promise<string | { misuse: string }> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin) {
    length += chunk.length
    if (length > longest) return { misuse: 'The password on standard input is too long.' }
    chunks.push(chunk)
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks))
    const password = text.replace(/\r?\n$/, '')
    return password === '' ? { misuse: 'There is no password on standard input.' } : password
  } catch {
    return { misuse: 'The password on standard input is not UTF-8.' }
  }
}

const ask = async (question: string): Promise<string> => {
  process.stderr.write(question)
  const silence = new Writable({ write: (_chunk, _encoding, next) => next() })
  const terminal = createInterface({
    input: process.stdin,
    output: silence,
    terminal: true,
    historySize: 0,
  })
  const interrupted = new Promise<never>(() => {
    terminal.once('SIGINT', () => {
      terminal.close()
      process.stderr.write('\n')
      process.exit(130)
    })
  })
  const answer = await Promise.race([terminal.question(''), interrupted])
  terminal.close()
  process.stderr.write('\n')
  return answer
}
