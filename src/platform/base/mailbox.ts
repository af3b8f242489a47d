import { isIPv4, isIPv6 } from 'node:net'
import { canonicalDomain, localPart } from './address-parts.ts'
import { misleadingCharacter } from './field-shapes.ts'

/** A mailbox: the name that recipients see, which may be empty, and the address. */
export type Mailbox = { readonly name: string; readonly address: string }

// A quoted string (RFC 5322, section 3.2.4), or text without these characters: `<`, `>` and `@` would start an address, `:`
// a group, and `\` has no meaning outside of quotes.
const part = /"((?:[^"\\]|\\.)*)"|[^"\\<>@:]+/gsu
const encodedWord = /=\?([\w-]{1,40})(?:\*[\w-]*)?\?([BbQq])\?([!->@-~]*)\?=/g
const literal = /^\[(IPv6:)?([^\]]*)\]$/i

/**
 * Parses one mailbox of RFC 5322: `address`, `name <address>`, `"name" <address>` or `address (name)`. Returns null for a
 * group, a list, and every text that two programs could read differently. A comma, a semicolon or a comment in an unquoted
 * name stays text, so that recipients see the name that the operator wrote.
 */
export const parseMailbox = (text: string): Mailbox | null => {
  if (text.length > 512 || misleadingCharacter.test(text) || !text.isWellFormed()) return null
  const [, before = '', inAngles] = /^(.*)<([^<>]*)>\s*$/su.exec(text) ?? []
  const [, bare = '', , comment = ''] = /^([^()]*)(\(([^()\\]*)\))?\s*$/su.exec(text) ?? []
  const address = parseAddress((inAngles ?? bare).trim())
  const name = parseName(inAngles === undefined ? comment : before)
  return address === null || name === null ? null : { name, address }
}

const parseName = (text: string): string | null => {
  const parts = [...text.matchAll(part)]
  if (parts.map(([whole]) => whole).join('') !== text) return null
  try {
    return parts
      .map(([whole, quoted]) => quoted?.replace(/\\(.)/gsu, '$1') ?? decodeWords(whole))
      .join('')
      .trim()
      .normalize('NFC')
  } catch {
    return null
  }
}

/** Decodes the encoded words of RFC 2047, without the white space between two of them. Throws for a wrong charset. */
const decodeWords = (text: string): string =>
  text.replace(/(\?=)\s+(?==\?)/g, '$1').replace(encodedWord, (_, charset, encoding, content) => {
    const bytes =
      encoding.toUpperCase() === 'B'
        ? Buffer.from(content, 'base64')
        : Buffer.from(
            content
              .replaceAll('_', ' ')
              .replace(/=([0-9a-f]{2})/gi, (_: string, hex: string) =>
                String.fromCharCode(Number.parseInt(hex, 16)),
              ),
            'latin1',
          )
    return new TextDecoder(charset, { fatal: true }).decode(bytes)
  })

/** Converts the domain to A-labels. The local part stays as written, as a server may compare it case-sensitively. */
const parseAddress = (text: string): string | null => {
  const at = text.lastIndexOf('@')
  const local = text.slice(0, at)
  const domain = text.slice(at + 1)
  const host = parseLiteral(domain) ?? canonicalDomain(domain)
  const address = `${local}@${host}`
  return at < 1 || at > 64 || !localPart.test(local) || host === null || address.length > 254 ? null : address
}

/** An IP address in brackets (RFC 5321, section 4.1.3), or null if the brackets hold another text. */
export const parseLiteral = (text: string): string | null => {
  const [, tag, host = ''] = literal.exec(text) ?? []
  return tag === undefined ? (isIPv4(host) ? text : null) : isIPv6(host) ? addressLiteral(host) : null
}

/** An IP address in brackets, as a domain of an email address: `[192.0.2.1]`, `[IPv6:2001:db8::1]`. */
export const addressLiteral = (ip: string): string => (isIPv4(ip) ? `[${ip}]` : `[IPv6:${ip}]`)

/** The domain of a mailbox. */
export const domainOf = ({ address }: Mailbox): string => address.slice(address.lastIndexOf('@') + 1)
