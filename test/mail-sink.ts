import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import { until } from './until.ts'

/** One email as it came over the wire. `ehlo` is what the client called itself. */
export type CaughtEmail = { ehlo: string; to: string[]; raw: string; mail: Email; link: string; code: string }

/** What the server says to the content of an email in place of accepting it. */
export type Refusal = { message: string; responseCode: number }

/** A mail server, as tests see it. */
export type Mailbox = {
  url: string
  /** Waits until this many emails have come for an address, with `link` in their link, and returns the last. */
  to: (address: string, count?: number, link?: string) => Promise<CaughtEmail>
  /** The emails that have come for an address so far. */
  sentTo: (address: string) => Promise<CaughtEmail[]>
  /** Every email that has come so far. */
  all: () => Promise<CaughtEmail[]>
  /** Emails that came in whole and that the server never answered. */
  stalled: () => Promise<CaughtEmail[]>
  /** Refuses the content of each email from now on; null accepts again. */
  answer: (refusal: Refusal | null) => Promise<void>
  /** The server falls silent at the end of this many emails to come. */
  stall: (count: number) => Promise<void>
}

export type MailSink = AsyncDisposable & Mailbox & { caught: CaughtEmail[] }

/** A real mail server on a port of its own that keeps what it is sent. */
export const openMailSink = async (): Promise<MailSink> => {
  const caught: CaughtEmail[] = []
  const stalled: CaughtEmail[] = []
  let refusal: Error | null = null
  let stalls = 0
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    closeTimeout: 200,
    onData: (stream, session, done) => {
      const chunks: Buffer[] = []
      stream.on('data', chunk => chunks.push(chunk))
      stream.on('end', async () => {
        if (refusal) return done(refusal)
        const silent = stalls > 0
        if (silent) stalls--
        const raw = Buffer.concat(chunks).toString('latin1')
        const mail = await PostalMime.parse(Buffer.concat(chunks))
        const text = mail.text ?? ''
        const link = /https?:\/\/\S+[?&]token=\S+/.exec(text)?.[0] ?? ''
        const code = /^\s*(\d{6}|\d{8})\s*$/m.exec(text)?.[1] ?? ''
        const to = session.envelope.rcptTo.map(({ address }) => address)
        const kept = silent ? stalled : caught
        kept.push({ ehlo: String(session.hostNameAppearsAs), to, raw, mail, link, code })
        if (!silent) done()
      })
    },
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const { port } = server.server.address() as AddressInfo
  const sentTo = (address: string) => caught.filter(({ to }) => to.includes(address))
  return {
    url: `smtp://127.0.0.1:${port}`,
    caught,
    // An email whose job was lost waits for the sweeper, for 20 s at most.
    to: (address, count = 1, part = '') =>
      until(
        `email ${count} to ${address}${part && ` with a link to ${part}`}`,
        () => {
          const found = sentTo(address).filter(({ link }) => link.includes(part))
          return found.length >= count && found.at(-1)
        },
        30_000,
      ),
    sentTo: async address => sentTo(address),
    all: async () => [...caught],
    stalled: async () => [...stalled],
    answer: async given => {
      refusal = given && Object.assign(new Error(given.message), { responseCode: given.responseCode })
    },
    stall: async count => {
      stalls = count
    },
    [Symbol.asyncDispose]: () => new Promise<void>(resolve => server.close(() => resolve())),
  }
}
