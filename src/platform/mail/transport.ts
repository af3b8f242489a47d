import { Readable } from 'node:stream'
import type { SendMailOptions, SentMessageInfo, Transporter } from 'nodemailer'
import { require } from '../base/lazy-require.ts'
import { type Timeouts, timeouts } from '../config/timeouts.ts'
import { type MailServer, openSmtpSocket } from './smtp-socket.ts'

const nodemailer: Pick<typeof import('nodemailer'), 'createTransport'> = require('nodemailer')

export type Transport = Transporter & Disposable

/** The message as a plug-in of the mail library sees it. */
type Compiled = {
  data: { onContent?: () => void }
  message: { processFunc: (wrap: (content: Readable) => Readable) => void }
}

type GotSocket = (error: unknown, socket?: object) => void

/** As many as a worker takes jobs. How many are used at once is decided by its lanes. */
export const connectionsAtMost = 20

/**
 * A pooled connection to the mail server, which is told `name` in EHLO. No wait is for ever. Closing it ends what is in
 * flight.
 */
export const openTransport = (smtpUrl: string, name = '', within: Timeouts = timeouts): Transport => {
  const closing = new AbortController()
  const options = {
    url: smtpUrl,
    name,
    pool: true,
    maxConnections: connectionsAtMost,
    // From the connection, which has greeted by then, to the end of STARTTLS.
    connectionTimeout: 2 * within.smtpGreeting,
    greetingTimeout: within.smtpGreeting,
    socketTimeout: within.smtpReply,
    disableFileAccess: true,
    disableUrlAccess: true,
    getSocket: (server: MailServer, done: GotSocket) =>
      openSmtpSocket(server, within, closing.signal).then(
        connection => done(null, { connection, secured: server.secure === true }),
        done,
      ),
  } as const
  const transport = nodemailer.createTransport(options as object) as Transporter
  transport.use('stream', ((mail: Compiled, done: () => void) => {
    const { onContent } = mail.data
    if (onContent) mail.message.processFunc(content => Readable.from(noticed(content, onContent)))
    done()
  }) as never)
  const close = (): void => {
    closing.abort()
    ;(transport.close as (how: { force: boolean }) => void)({ force: true })
  }
  return Object.assign(transport, { [Symbol.dispose]: close })
}

/** A stream is filled before it is read. This one begins when the server has asked for the content. */
async function* noticed(content: Readable, onContent: () => void): AsyncGenerator<Buffer> {
  onContent()
  yield* content
}

/** Sends an email. Tells when its content begins to go out: whatever fails after that, the server may have taken it. */
export const send = (
  transport: Transport,
  mail: SendMailOptions,
  signal: AbortSignal,
  onContent: () => void,
): Promise<SentMessageInfo> => transport.sendMail({ ...mail, ...{ signal, onContent } })
