import { require } from '../base/lazy-require.ts'
import { domainOf, type Mailbox } from '../base/mailbox.ts'

type HeaderEncoder = { encodeHeaderValue: (key: string, value: unknown) => string }

const MimeNode: new (contentType: string) => HeaderEncoder = require('nodemailer/lib/mime-node')
const {
  foldLines,
}: { foldLines: (line: string, length: number) => string } = require('nodemailer/lib/mime-funcs')

/** What the headers of a message say. */
export type Head = {
  from: Mailbox
  to: string
  subject: string
  /** Unique, and the same at each attempt. */
  id: string
  date: Date
  headers: Readonly<Record<string, string>>
}

const encoder = new MimeNode('text/plain')

const header = (key: string, value: unknown): string =>
  foldLines(`${key}: ${encoder.encodeHeaderValue(key, value)}`, 76)

/** A retried delivery has the same Message-ID, so that the recipient's server can recognize it. */
export const messageId = ({ id, from }: Pick<Head, 'id' | 'from'>): string => `<${id}@${domainOf(from)}>`

/** The headers of a message with two alternatives, encoded by nodemailer. */
export const mimeHeaders = (head: Head, boundary: string): string => {
  const { from, to, subject, date, headers } = head
  return [
    ...Object.entries(headers).map(([key, value]) => header(key, value)),
    header('From', [{ ...from }]),
    header('To', [{ name: '', address: to }]),
    header('Subject', subject),
    header('Message-ID', messageId(head)),
    header('Date', date),
    'MIME-Version: 1.0',
    `Content-Type: multipart/alternative;\r\n boundary="${boundary}"`,
  ].join('\r\n')
}
