import type { ChildProcess } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { onFreePort } from '../platform/base/free-port.ts'
import { superviseProcess } from './supervise-process.ts'

const program = join(import.meta.dirname, 'mailbox-process.ts')

/** A local mail server that keeps what it is sent, and a page that shows it. Ends by `stop`. */
export type Mailbox = { smtpUrl: string; pageUrl: string; process: ChildProcess }

export const openMailbox = async (mailFolder: string): Promise<Mailbox> => {
  await mkdir(mailFolder, { recursive: true, mode: 0o700 })
  const pick = (wanted: number) => onFreePort(wanted, async port => port)
  const [smtp, web] = [await pick(1025), await pick(1080)]
  const args = ['--smtp', smtp, '--web', web, '--ip', '127.0.0.1', '--web-ip', '127.0.0.1']
  const kept = ['--mail-directory', mailFolder, '--max-emails', 200, '--silent']
  const process = superviseProcess(program, [...args, ...kept].map(String), {
    env: globalThis.process.env,
    stdout: 'ignore',
  })
  return { smtpUrl: `smtp://127.0.0.1:${smtp}`, pageUrl: `http://localhost:${web}`, process }
}
