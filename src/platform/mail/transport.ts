import type { SentMessageInfo, Transporter } from 'nodemailer'
import { require } from '../base/lazy-require.ts'
import { defaultTimeouts, type Timeouts } from '../config/timeouts.ts'
import { messageId } from './mime-headers.ts'
import { type Message, mimeMessage } from './mime-message.ts'
import { writeContentAtOnce } from './nodemailer-patches.ts'
import { type MailServer, openSmtpSocket } from './smtp-socket.ts'

const nodemailer: Pick<typeof import('nodemailer'), 'createTransport'> = require('nodemailer')

export type Transport = Transporter & Disposable

type OnSocket = (error: unknown, socket?: object) => void

/** One for each job of a worker. The worker limits how many it uses at once. */
export const maxConnections = 20

/**
 * Opens a pool of connections to the mail server. `name` is sent in EHLO. Every wait has a timeout. Disposing the transport
 * aborts deliveries in flight.
 */
export const openTransport = (
  smtpUrl: string,
  name = '',
  timeouts: Timeouts = defaultTimeouts,
): Transport => {
  const closing = new AbortController()
  const options = {
    url: smtpUrl,
    name,
    pool: true,
    maxConnections,
    // From the greeted connection to the end of STARTTLS.
    connectionTimeout: 2 * timeouts.smtpGreeting,
    greetingTimeout: timeouts.smtpGreeting,
    socketTimeout: timeouts.smtpReply,
    disableFileAccess: true,
    disableUrlAccess: true,
    getSocket: (server: MailServer, done: OnSocket) =>
      openSmtpSocket(server, timeouts, closing.signal).then(
        connection => done(null, { connection, secured: server.secure === true }),
        done,
      ),
  } as const
  const transport = nodemailer.createTransport(options as object) as Transporter
  writeContentAtOnce(transport)
  const close = (): void => {
    closing.abort()
    ;(transport.close as (how: { force: boolean }) => void)({ force: true })
  }
  return Object.assign(transport, { [Symbol.dispose]: close })
}

/** Sends an email. `onContent` is called when its content starts: after any later error the server may have accepted it. */
export const send = (
  transport: Transport,
  message: Message,
  signal: AbortSignal,
  onContent: () => void,
): Promise<SentMessageInfo> => {
  const { from, to } = message
  const mail = {
    from,
    to: { name: '', address: to },
    messageId: messageId(message),
    raw: mimeMessage(message),
    signal,
    onContent,
  }
  return transport.sendMail(mail)
}
