import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onFreePort } from './free-port.ts'

const maildev = fileURLToPath(new URL('bin/maildev.js', import.meta.resolve('maildev')))

/** A local mail server that keeps what it is sent, and a page that shows it. Ends with `kill`. */
export type Mailbox = { smtpUrl: string; pageUrl: string; process: ReturnType<typeof spawn> }

export const openMailbox = async (mailFolder: string): Promise<Mailbox> => {
  const pick = (wanted: number) => onFreePort(wanted, async port => port)
  const [smtp, web] = [await pick(1025), await pick(1080)]
  const args = ['--smtp', smtp, '--web', web, '--ip', '127.0.0.1', '--web-ip', '127.0.0.1']
  const kept = ['--mail-directory', mailFolder, '--max-emails', 200, '--silent']
  // In a process group of its own: Ctrl-C reaches the worker first, and mails in flight still arrive.
  const child = spawn(process.execPath, [maildev, ...args.map(String), ...kept.map(String)], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return { smtpUrl: `smtp://127.0.0.1:${smtp}`, pageUrl: `http://localhost:${web}`, process: child }
}
