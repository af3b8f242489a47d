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
