import type { ChildProcess } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { onFreePort } from '../platform/base/free-port.ts'
import { superviseProcess } from './supervise-process.ts'

const program = join(import.meta.dirname, 'mailbox-process.ts')

/** A local mail server that keeps the emails it receives, and a page that shows them. `stop(process)` ends it. */
export type Mailbox = { smtpUrl: string; pageUrl: string; process: ChildProcess }

/**
 * Starts the mailbox on 127.0.0.1, at ports 1025 (SMTP) and 1080 (page) if they are free. It stores at most 200 emails
 * in `mailFolder`.
 */
export const openMailbox = async (mailFolder: string): Promise<Mailbox> => {
  await mkdir(mailFolder, { recursive: true, mode: 0o700 })
  const choosePort = (wanted: number) => onFreePort(wanted, async port => port)
  const [smtp, web] = [await choosePort(1025), await choosePort(1080)]
  const addresses = ['--smtp', smtp, '--web', web, '--ip', '127.0.0.1', '--web-ip', '127.0.0.1']
  const storage = ['--mail-directory', mailFolder, '--max-emails', 200, '--silent']
  const process = superviseProcess(program, [...addresses, ...storage].map(String), {
    env: globalThis.process.env,
    stdout: 'ignore',
  })
  return { smtpUrl: `smtp://127.0.0.1:${smtp}`, pageUrl: `http://localhost:${web}`, process }
}
