import { isIP } from 'node:net'
import { canonicalDomain } from '../base/address-parts.ts'
import { addressLiteral, domainOf, type Mailbox, parseLiteral } from '../base/mailbox.ts'

type Needs = { SMTP_EHLO_NAME: string; MAIL_FROM: Mailbox; PUBLIC_URL: string }

// An address literal is not a name, whatever it stands for.
const isQualified = (name: string | null): name is string =>
  name !== null && /^[^[].*\../.test(name) && !name.endsWith('.localhost')

/** Reads `SMTP_EHLO_NAME`: a fully qualified name, an address literal, or nothing. Null for any other text. */
export const parseEhloName = (text: string): string | null => {
  const name = canonicalDomain(text)
  return text === '' || isQualified(name) ? (name ?? '') : parseLiteral(text)
}

/**
 * What this service calls itself in EHLO (RFC 5321, section 4.1.4): a fully qualified name, or an address literal. A host
 * name without a dot, which every container has, is refused by strict mail servers. Empty: the mail library decides.
 */
export const ehloName = (config: Needs): string => {
  const host = new URL(config.PUBLIC_URL).hostname.replace(/\.$/, '')
  const ip = host.replace(/^\[(.*)\]$/, '$1')
  const names = [domainOf(config.MAIL_FROM), canonicalDomain(host)]
  return config.SMTP_EHLO_NAME || (names.find(isQualified) ?? (isIP(ip) ? addressLiteral(ip) : ''))
}
