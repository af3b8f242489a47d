import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import { until } from './until.ts'

/** A received email. `ehlo` is the host name that the client sent. */
export type CaughtEmail = { ehlo: string; to: string[]; raw: string; mail: Email; link: string; code: string }

/** The reply with which the server rejects the content of an email. */
export type Refusal = { message: string; responseCode: number }

/** The mail server of a test. */
export type Mailbox = {
  url: string
  /** Waits for this many emails to an address whose link contains `link`, and returns the last. */
  to: (address: string, count?: number, link?: string) => Promise<CaughtEmail>
  /** The emails to an address so far. */
  sentTo: (address: string) => Promise<CaughtEmail[]>
  /** All emails so far. */
  all: () => Promise<CaughtEmail[]>
  /** Emails that were received completely but never answered. */
  stalled: () => Promise<CaughtEmail[]>
  /** Rejects the content of each email from now on. Null accepts again. */
  answer: (refusal: Refusal | null) => Promise<void>
  /** Does not answer the content of this many next emails. */
  stall: (count: number) => Promise<void>
}

export type MailSink = AsyncDisposable & Mailbox & { caught: CaughtEmail[] }

/** Opens a real mail server on its own port that records emails, or passes them to `receive`. */
export const openMailSink = async (receive?: (email: CaughtEmail) => void): Promise<MailSink> => {
  const caught: CaughtEmail[] = []
  const stalled: CaughtEmail[] = []
  let refusal: Error | null = null
  let stallsLeft = 0
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    closeTimeout: 200,
    onData: (stream, session, done) => {
      const chunks: Buffer[] = []
      stream.on('data', chunk => chunks.push(chunk))
      stream.on('end', async () => {
        if (refusal) return done(refusal)
        const isStalled = stallsLeft > 0
        if (isStalled) stallsLeft--
        const raw = Buffer.concat(chunks).toString('latin1')
        const mail = await PostalMime.parse(Buffer.concat(chunks))
        const text = mail.text ?? ''
        const link = /https?:\/\/\S+[?&]token=\S+/.exec(text)?.[0] ?? ''
        const code = /^\s*(\d{6}|\d{8})\s*$/m.exec(text)?.[1] ?? ''
        const to = session.envelope.rcptTo.map(({ address }) => address)
        const email = { ehlo: String(session.hostNameAppearsAs), to, raw, mail, link, code }
        if (isStalled) return void stalled.push(email)
        if (receive) receive(email)
        else caught.push(email)
        done()
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
    // An email whose job was lost waits for the sweeper, at most 20 s.
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
      stallsLeft = count
    },
    [Symbol.asyncDispose]: () => new Promise<void>(resolve => server.close(() => resolve())),
  }
}
