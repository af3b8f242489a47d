import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import { until } from './world.ts'

/** One mail as it came over the wire. */
export type Caught = { to: string[]; raw: string; mail: Email; link: string; code: string }

export type MailSink = AsyncDisposable & {
  url: string
  caught: Caught[]
  /** Mails that came in whole and that the server has not answered, nor ever will. */
  stalled: Caught[]
  /** Waits until this many mails have come for an address, and returns the last. */
  to: (address: string, count?: number) => Promise<Caught>
  /** What the server answers to the content of a mail: an error with a `responseCode`, or null to accept. */
  answer: (error: (Error & { responseCode: number }) | null) => void
  /** The server falls silent at the end of this many mails to come. */
  stall: (count: number) => void
}

/** A real mail server on a port of its own that keeps what it is sent. */
export const openMailSink = async (): Promise<MailSink> => {
  const caught: Caught[] = []
  const stalled: Caught[] = []
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
        const code = /^\s*(\d{6})\s*$/m.exec(text)?.[1] ?? ''
        const to = session.envelope.rcptTo.map(({ address }) => address)
        const kept = silent ? stalled : caught
        kept.push({ to, raw, mail, link, code })
        if (!silent) done()
      })
    },
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${port}`,
    caught,
    stalled,
    // Longer than a mail whose job was lost waits for the sweeper.
    to: (address, count = 1) =>
      until(
        `mail ${count} to ${address}`,
        () => {
          const found = caught.filter(({ to }) => to.includes(address))
          return found.length >= count && found.at(-1)
        },
        30_000,
      ),
    answer: error => {
      refusal = error
    },
    stall: count => {
      stalls = count
    },
    [Symbol.asyncDispose]: () => new Promise<void>(resolve => server.close(() => resolve())),
  }
}
