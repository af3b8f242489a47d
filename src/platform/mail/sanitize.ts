import { isVisible } from '../base/copied-text.ts'

// An attacker can register a victim's address under any name, and our email then carries that name to the victim. Mail
// clients turn bare addresses and phone numbers into links. So a name such as "Your account is locked, see evil.example"
// would be phishing with our sender address.

const control = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]+/gu
// A domain may begin with an emoji, and a Hindi domain may have a combining mark as its second character.
const address = /:\/\/|www[.\u3002]|[^\s.\u3002][.\u3002]\p{L}[\p{L}\p{M}]/iu
// Mail clients take these for addresses too. Only names are checked for them: a time or an IP address contains them.
const addressInName =
  /\d+(?:[.\u3002]\d+){3}|(?:javascript|vbscript|data|file|ftps?|https?|hxxps?|mailto|tel|sms|callto|facetime|skype|sip|xmpp|whatsapp|tg):\S/iu
const digit = /\p{Nd}/gu
// Cheap to check, and longer than any text that is kept.
const maxInput = 1024

const matches = (shape: RegExp, text: string): boolean =>
  shape.test(text.normalize('NFKC').replace(/\p{Default_Ignorable_Code_Point}/gu, ''))

const oneLine = (text: string, limit: number): string => {
  const line = text.slice(0, maxInput).replace(control, ' ').replace(/\s+/g, ' ').trim()
  return Array.from(line).slice(0, limit).join('').trim()
}

/**
 * Makes one line that is safe to show: without control and direction marks, at most `limit` code points. Returns '' if a
 * mail client could turn it into a link.
 */
export const sanitize = (text: string, limit: number): string => {
  const kept = oneLine(text, limit)
  return matches(address, kept) ? '' : kept
}

/**
 * Writes an email address as one line that looks the same but that no mail client turns into a link. An attacker who changes
 * the address of an account chooses the domain that its owner then sees.
 */
export const sanitizeAddress = (address: string): string =>
  oneLine(address, 254).replace(/[.:/@\u3002]/g, '\u200B$&')

/**
 * Makes a person's name safe to show, with at most 64 code points. Returns '' if it contains a phone number, an IP address
 * or a link of another scheme, or is invisible.
 */
export const sanitizeName = (name: string): string => {
  const kept = sanitize(name, 64)
  if (!isVisible(kept) || matches(addressInName, kept)) return ''
  return (kept.match(digit)?.length ?? 0) > 5 ? '' : kept
}
