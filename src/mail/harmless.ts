// A stranger can register a victim's address under a name of their choosing, and our mail then carries that
// name to the victim. Mail clients turn bare addresses and phone numbers into links, so a name such as
// "Your account is locked, see evil.example" would be phishing under our sender.

const control = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]+/gu
const address = /:\/\/|www\.|[\p{L}\p{N}][.\u3002]\p{L}{2}/iu
const digit = /\p{Nd}/gu
// Cheap to look at, and longer than anything that is kept.
const glance = 1024

const looksLikeLink = (text: string): boolean =>
  address.test(text.normalize('NFKC').replace(/\p{Default_Ignorable_Code_Point}/gu, ''))

const oneLine = (text: string, limit: number): string => {
  const line = text.slice(0, glance).replace(control, ' ').replace(/\s+/g, ' ').trim()
  return Array.from(line).slice(0, limit).join('').trim()
}

/**
 * One line of text that is safe to show: control and direction marks gone, at most `limit` code points,
 * or '' where a mail client could make a link of it.
 */
export const harmless = (text: string, limit: number): string => {
  const kept = oneLine(text, limit)
  return looksLikeLink(kept) ? '' : kept
}

/**
 * An e-mail address as one line that reads the same and that no mail client makes a link of: a thief who moves an
 * account picks the domain that its owner is then shown.
 */
export const harmlessAddress = (address: string): string =>
  oneLine(address, 254).replace(/[.:/@\u3002]/g, '\u200B$&')

/** A person's name as `harmless` text of at most 64 code points, or '' where it holds a phone number. */
export const harmlessName = (name: string): string => {
  const kept = harmless(name, 64)
  return (kept.match(digit)?.length ?? 0) > 5 ? '' : kept
}
