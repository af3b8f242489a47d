import type { Transporter } from 'nodemailer'
import { require } from '../base/require.ts'

const nodemailer: Pick<typeof import('nodemailer'), 'createTransport'> = require('nodemailer')

export type Transport = Transporter & Disposable

/** A pooled connection to the mail server, which is told `name` in EHLO. No wait is for ever. */
export const openTransport = (smtpUrl: string, name = ''): Transport => {
  const transport = nodemailer.createTransport({
    url: smtpUrl,
    name,
    pool: true,
    maxConnections: 5,
    connectionTimeout: 8000,
    greetingTimeout: 8000,
    socketTimeout: 20_000,
    dnsTimeout: 8000,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return Object.assign(transport, { [Symbol.dispose]: () => transport.close() })
}

/** What a server can refuse of one mail. Refused before that, at the greeting or a sign-in, it is the way that is shut. */
const ofOneMail: readonly unknown[] = ['EENVELOPE', 'EMESSAGE']

/**
 * What may be kept of a failed delivery: a reply code or a system error's name. The server's own words quote
 * addresses.
 */
export const deliveryFault = (error: unknown): { text: string; final: boolean } => {
  if (!(error instanceof Error)) return { text: 'unknown', final: false }
  const { responseCode, code } = error as { responseCode?: unknown; code?: unknown }
  if (typeof responseCode === 'number')
    return {
      text: `SMTP ${responseCode}`,
      final: responseCode >= 500 && responseCode < 600 && ofOneMail.includes(code),
    }
  return { text: typeof code === 'string' ? code : error.name, final: false }
}
