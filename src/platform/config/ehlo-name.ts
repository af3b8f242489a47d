import { isIP } from 'node:net'
import { canonicalDomain } from '../base/address-parts.ts'
import { addressLiteral, domainOf, type Mailbox, parseLiteral } from '../base/mailbox.ts'

type Needs = { SMTP_EHLO_NAME: string; MAIL_FROM: Mailbox; PUBLIC_URL: string }

// An address literal such as [192.0.2.1] is not a name.
const isQualified = (name: string | null): name is string =>
  name !== null && /^[^[].*\../.test(name) && !name.endsWith('.localhost')

/** Reads `SMTP_EHLO_NAME`: a fully qualified name, an address literal, or an empty text. Returns null for other texts. */
export const parseEhloName = (text: string): string | null => {
  const name = canonicalDomain(text)
  return text === '' || isQualified(name) ? (name ?? '') : parseLiteral(text)
}

/**
 * The name of this service in EHLO (RFC 5321, section 4.1.4): a fully qualified name, or an address literal. Strict mail
 * servers refuse a host name without a dot, which every container has. If it is empty, the mail library chooses a name.
 */
export const ehloName = (config: Needs): string => {
  const host = new URL(config.PUBLIC_URL).hostname.replace(/\.$/, '')
  const ip = host.replace(/^\[(.*)\]$/, '$1')
  const names = [domainOf(config.MAIL_FROM), canonicalDomain(host)]
  return config.SMTP_EHLO_NAME || (names.find(isQualified) ?? (isIP(ip) ? addressLiteral(ip) : ''))
}
