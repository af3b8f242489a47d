import { setTimeout as sleep } from 'node:timers/promises'
import type { Account } from './account.ts'
import { askPostgres } from './ask-store.ts'
import type { Counters } from './counters.ts'

// Compares what the outbox says was sent with what the mail server received.

export type EmailCounts = {
  queued: number
  sent: number
  failed: number
  dropped: number
  /** Rows that say `sent` and whose email never arrived, or that are still queued. */
  undelivered: number
  /** Emails that arrived and have no row. */
  unknown: number
  twice: number
  /** Clients that still wait for a link. */
  waiting: number
  delivered: { queued: number; arrived: number }[]
  median: number
  p99: number
  most: number
}

type Row = { id: string; status: 'queued' | 'sent' | 'failed' | 'dropped' }

/** When a row was written, by its id (RFC 9562, section 5.7), in milliseconds since 1970. */
const writtenAt = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)

/** Records when an email was queued and when it arrived. */
export const noteDelivery = ({ mailDelays, now }: Counters, id: string): void => {
  const age = Date.now() - writtenAt(id)
  mailDelays.arrived.push(now())
  mailDelays.queued.push(now() - age)
}

const countQueued = `SELECT count(*) FROM emails WHERE status = 'queued'`

/** Waits until no email is queued and no client waits for a link, for this many milliseconds at most. */
export const untilDrained = async (
  url: string,
  accounts: Account[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> => {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await sleep(500, null, { signal })) {
    const [row] = await askPostgres<{ count: string }>(url, countQueued)
    const waiting = accounts.some(({ awaits, busy }) => awaits !== null || busy)
    if (Number(row?.count) === 0 && !waiting) return
  }
}

/** `arrived`: how often each email arrived, by the id of its row. */
export const countEmails = async (
  url: string,
  arrived: ReadonlyMap<string, number>,
  accounts: Account[],
  { mailDelays }: Counters,
): Promise<EmailCounts> => {
  const rows = await askPostgres<Row>(url, 'SELECT id, status FROM emails')
  const by = (status: Row['status']) => rows.filter(row => row.status === status)
  const known = new Set(rows.map(({ id }) => id))
  const sent = by('sent').map(({ id }) => id)
  const delivered = mailDelays.queued.map((queued, at) => ({
    queued,
    arrived: mailDelays.arrived[at] ?? queued,
  }))
  const delays = delivered.map(mail => mail.arrived - mail.queued).sort((a, b) => a - b)
  const at = (share: number) => delays[Math.floor((delays.length - 1) * share)] ?? 0
  return {
    queued: rows.length - by('dropped').length,
    sent: sent.length,
    failed: by('failed').length,
    dropped: by('dropped').length,
    undelivered: sent.filter(id => !arrived.has(id)).length + by('queued').length,
    unknown: [...arrived.keys()].filter(id => !known.has(id)).length,
    twice: [...arrived.values()].filter(times => times > 1).length,
    waiting: accounts.filter(({ awaits }) => awaits !== null).length,
    ...{ delivered, median: at(0.5), p99: at(0.99), most: at(1) },
  }
}
