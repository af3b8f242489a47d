import { domainToASCII, domainToUnicode } from 'node:url'

/** The unquoted local part of an address: a dot-atom of RFC 5322. */
export const localPart = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i

const domainShape = /^[a-z0-9.\-\p{L}\p{M}\p{N}]+$/iu
const labelShape = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const nonAscii = /[^\0-\x7f]/

/**
 * Returns a domain in lower case and as A-labels, or null. A single label, such as `localhost`, is a domain too.
 *
 * `domainToASCII` parses the host of a URL: it decodes "%41", cuts at "/", drops invisible characters and folds "ⅷ" to
 * "viii". So it gets only letters, digits, dots and hyphens, and its result must convert back to the input. Letters are
 * lower-cased one by one (UTS 46), as in a word a final "Σ" becomes "ς", which is a letter of another domain.
 */
export const canonicalDomain = (text: string): string | null => {
  if (!domainShape.test(text)) return null
  const wanted = text.normalize('NFC').replace(/./gu, letter => letter.toLowerCase())
  const ascii = domainToASCII(wanted)
  const [given, labels] = [text.split('.'), ascii.split('.')]
  const readable = domainToUnicode(ascii).split('.')
  const same = wanted.split('.').every((label, at) => {
    const isForeign = nonAscii.test(given[at] ?? '')
    const isCoded = labels[at]?.startsWith('xn--') === true
    if (isForeign) return isCoded && readable[at] === label
    return labels[at] === label && !(isCoded && readable[at] === label)
  })
  if (!same || !labels.every(label => labelShape.test(label))) return null
  return /^[0-9]+$/.test(labels.at(-1) ?? '') || domainToASCII(readable.join('.')) !== ascii ? null : ascii
}
