import { setTimeout as sleep } from 'node:timers/promises'
import { queryOnce } from '../src/dev-services/probe.ts'
import type { Account } from './soak-clients.ts'
import type { Mail } from './soak-mail.ts'
import type { Tally } from './soak-tally.ts'

// What the outbox says was sent, against what the mail server got.

export type MailTally = {
  owed: number
  sent: number
  failed: number
  dropped: number
  /** Rows that say `sent` and never came, or are owed still. */
  undelivered: number
  /** Mails that came and that no row knows. */
  stray: number
  twice: number
  /** Clients who still wait for a link. */
  waiting: number
  delivered: { owed: number; came: number }[]
  median: number
  p99: number
  most: number
}

type Row = { id: string; status: 'queued' | 'sent' | 'failed' | 'dropped' }

/** When a row was made, by its id (RFC 9562, section 5.7), in milliseconds since 1970. */
const madeAt = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)

/** Tallies a mail that came: when it was owed and when it came. */
export const noteMail = ({ mailDelays, now }: Tally, id: string): void => {
  const ago = Date.now() - madeAt(id)
  mailDelays.came.push(now())
  mailDelays.owed.push(now() - ago)
}

/** Waits until nothing is owed and nobody waits for a link, for so many milliseconds at most. */
export const untilDrained = async (
  url: string,
  accounts: Account[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> => {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(500, null, { signal })) {
    const [row] = await queryOnce(url, `SELECT count(*) FROM emails WHERE status = 'queued'`)
    const waiting = accounts.some(({ awaits, busy }) => awaits !== null || busy)
    if (Number((row as { count: string }).count) === 0 && !waiting) return
  }
}

export const tallyMails = async (
  url: string,
  { came }: Mail,
  accounts: Account[],
  { mailDelays }: Tally,
): Promise<MailTally> => {
  const rows = (await queryOnce(url, 'SELECT id, status FROM emails')) as Row[]
  const of = (status: Row['status']) => rows.filter(row => row.status === status)
  const known = new Set(rows.map(({ id }) => id))
  const sent = of('sent').map(({ id }) => id)
  const unsent = sent.filter(id => !came.has(id)).length + of('queued').length
  const delivered = mailDelays.owed.map((owed, at) => ({ owed, came: mailDelays.came[at] ?? owed }))
  const delays = delivered.map(mail => mail.came - mail.owed).sort((a, b) => a - b)
  const at = (part: number) => delays[Math.floor((delays.length - 1) * part)] ?? 0
  return {
    owed: rows.length - of('dropped').length,
    sent: sent.length,
    failed: of('failed').length,
    dropped: of('dropped').length,
    undelivered: unsent,
    stray: [...came.keys()].filter(id => !known.has(id)).length,
    twice: [...came.values()].filter(count => count > 1).length,
    waiting: accounts.filter(({ awaits }) => awaits !== null).length,
    ...{ delivered, median: at(0.5), p99: at(0.99), most: at(1) },
  }
}
