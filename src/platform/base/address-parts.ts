import { domainToASCII, domainToUnicode } from 'node:url'

/** The unquoted local part of an address: a dot-atom of RFC 5322. */
export const localPart = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i

const domainShape = /^[a-z0-9.\-\p{L}\p{M}\p{N}]+$/iu
const labelShape = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const nonAscii = /[^\0-\x7f]/

/**
 * A domain in lower case and as A-labels, or null. One label alone, such as `localhost`, is a domain too.
 *
 * `domainToASCII` reads the host of a URL: it decodes "%41", cuts at "/", drops what is invisible and folds "ⅷ" to
 * "viii". So it gets letters, digits, dots and hyphens only, and what it made must read back as what came in. Letters
 * change case one by one (UTS 46): within a text a last "Σ" becomes "ς", which is a letter of another domain.
 */
export const canonicalDomain = (text: string): string | null => {
  if (!domainShape.test(text)) return null
  const wanted = text.normalize('NFC').replace(/./gu, letter => letter.toLowerCase())
  const ascii = domainToASCII(wanted)
  const [came, labels] = [text.split('.'), ascii.split('.')]
  const readable = domainToUnicode(ascii).split('.')
  const same = wanted.split('.').every((label, at) => {
    const isForeign = nonAscii.test(came[at] ?? '')
    const isCoded = labels[at]?.startsWith('xn--') === true
    if (isForeign) return isCoded && readable[at] === label
    return labels[at] === label && !(isCoded && readable[at] === label)
  })
  if (!same || !labels.every(label => labelShape.test(label))) return null
  return /^[0-9]+$/.test(labels.at(-1) ?? '') || domainToASCII(readable.join('.')) !== ascii ? null : ascii
}
