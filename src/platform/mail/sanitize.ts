import { isVisible } from '../base/copied-text.ts'

// A stranger can register a victim's address under a name of their choosing, and our mail then carries that
// name to the victim. Mail clients turn bare addresses and phone numbers into links, so a name such as
// "Your account is locked, see evil.example" would be phishing under our sender.

const control = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]+/gu
// A domain may begin with an emoji, and one of Hindi has a mark as its second sign.
const address = /:\/\/|www[.\u3002]|[^\s.\u3002][.\u3002]\p{L}[\p{L}\p{M}]/iu
// Mail clients take these for addresses too. In a time or an IP address they are what is meant.
const addressInName =
  /\d+(?:[.\u3002]\d+){3}|(?:javascript|vbscript|data|file|ftps?|https?|hxxps?|mailto|tel|sms|callto|facetime|skype|sip|xmpp|whatsapp|tg):\S/iu
const digit = /\p{Nd}/gu
// Cheap to look at, and longer than anything that is kept.
const glance = 1024

const matches = (shape: RegExp, text: string): boolean =>
  shape.test(text.normalize('NFKC').replace(/\p{Default_Ignorable_Code_Point}/gu, ''))

const oneLine = (text: string, limit: number): string => {
  const line = text.slice(0, glance).replace(control, ' ').replace(/\s+/g, ' ').trim()
  return Array.from(line).slice(0, limit).join('').trim()
}

/**
 * One line of text that is safe to show: control and direction marks gone, at most `limit` code points,
 * or '' where a mail client could make a link of it.
 */
export const sanitize = (text: string, limit: number): string => {
  const kept = oneLine(text, limit)
  return matches(address, kept) ? '' : kept
}

/**
 * An e-mail address as one line that reads the same and that no mail client makes a link of: a thief who moves an
 * account picks the domain that its owner is then shown.
 */
export const sanitizeAddress = (address: string): string =>
  oneLine(address, 254).replace(/[.:/@\u3002]/g, '\u200B$&')

/**
 * A person's name as `sanitize` text of at most 64 code points, or '' where it holds a phone number or an IP address, begins
 * a link of another scheme, or shows nothing.
 */
export const sanitizeName = (name: string): string => {
  const kept = sanitize(name, 64)
  if (!isVisible(kept) || matches(addressInName, kept)) return ''
  return (kept.match(digit)?.length ?? 0) > 5 ? '' : kept
}
