// The canonical form of each kind of input.
import { canonicalDomain, localPart } from './address-parts.ts'
import { canonicalBaseUrl } from './base-url.ts'
import { plainCode, plainPhone, plainToken, trimUnseen } from './copied-text.ts'
import { field, line, longerThan, misleadingCharacter } from './field-shapes.ts'
import { loadPhoneNumbers } from './phone-numbers.ts'

const controlCharacter = /\p{Cc}/u

/**
 * Returns the canonical form of an email address (lower case, domain as A-labels), or null. Only the unquoted form of RFC
 * 5321 with an ASCII local part is accepted. With quotes, comments, lists, address literals or letters that look like
 * ASCII, one account could claim the address of another.
 *
 * ASCII is checked before any folding, as the Kelvin sign lower-cases to "k" and the wide "＠" folds to "@". Spaces and
 * invisible marks around a copied address are cut off. Within an address they are refused, and control characters always.
 */
export const canonicalEmail = (text: string): string | null => {
  if (text.length > 512 || controlCharacter.test(text)) return null
  const trimmed = trimUnseen(text)
  const at = trimmed.indexOf('@')
  const local = trimmed.slice(0, at)
  if (at < 1 || at > 64 || !localPart.test(local)) return null
  const domain = canonicalDomain(trimmed.slice(at + 1))
  const address = `${local.toLowerCase()}@${domain}`
  return !domain?.includes('.') || address.length > 254 ? null : address
}

export const email = field(
  'email',
  'must be one email address',
  { description: 'An email address; its canonical form is in lower case.', format: 'email', maxLength: 254 },
  canonicalEmail,
)

/** A password of a sign-in. Nothing is trimmed or cut. `passwordPolicy` checks new passwords. */
export const password = field(
  'password',
  'must be 1 to 256 characters',
  { description: 'A password, taken as it is.', format: 'password', minLength: 1, maxLength: 256 },
  text => (text !== '' && !longerThan(256, text) ? text : null),
)

export const fullName = line(200, 'The name of a person, as they write it.')
export const address = line(500, 'A postal address, on one line.')

export const phone = field(
  'phone',
  'must be a phone number: + and 8 to 15 digits, or at least 10 digits as written',
  { description: 'A phone number: E.164 (`+` and digits), or at least 10 digits as written.', maxLength: 32 },
  text => {
    const value = text.length > 64 ? '' : plainPhone(text)
    const digits = value.replace(/[^0-9]/g, '')
    if (value.length > 32 || !/^\+?[0-9 ().-]+$/.test(value)) return null
    if (value.startsWith('+')) {
      const parsed = loadPhoneNumbers().parsePhoneNumberFromString(value)
      return parsed?.isPossible() ? parsed.number : null
    }
    return digits.length >= 10 ? value : null
  },
)

export const languageTag = field(
  'language',
  'must be a language tag such as en or pt-BR',
  { description: 'A language tag (BCP 47).', maxLength: 35 },
  text => {
    // Phones and POSIX systems write `es_GT` for `es-GT`.
    const tag = text.length > 64 ? '' : trimUnseen(text).replaceAll('_', '-')
    try {
      return tag.length > 35 ? null : (Intl.getCanonicalLocales(tag)[0] ?? null)
    } catch {
      return null
    }
  },
)

export const httpsUrl = field(
  'https_url',
  'must be an https address without credentials',
  { description: 'An https address.', format: 'uri', maxLength: 2048 },
  text => {
    const url = text.length > 2048 || misleadingCharacter.test(text) ? null : URL.parse(text)
    if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') return null
    return url.href.length > 2048 ? null : url.href
  },
)

/** The address of a service for which an access token is issued. */
export const audience = field(
  'audience',
  'must be an http(s) address without query, fragment or credentials',
  {
    description: 'The address of the service that gets the access token: `PUBLIC_URL` or one of `AUDIENCES`.',
    format: 'uri',
    maxLength: 2048,
  },
  text => (text.length > 2048 || misleadingCharacter.test(text) ? null : canonicalBaseUrl(text)),
)

export const uuid = field('uuid', 'must be a UUID', { description: 'A UUID.', format: 'uuid' }, text =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : null,
)

/** Any text as a token. The code that issues these tokens parses them, and rejects an invalid one. */
export const opaqueToken = field(
  'token',
  'must be a token as it was issued',
  { description: 'A token, to be sent back as it was issued.', minLength: 1, maxLength: 4096 },
  text => (text !== '' && text.length <= 4096 && !text.includes('\0') ? text : null),
)

/** A token of an email, which a person may have copied. The code that parses it rejects an invalid one. */
export const mailedToken = field(
  'token',
  'must be a token as it was mailed',
  { description: 'The token of a mailed link.', minLength: 1, maxLength: 4096 },
  text => (text !== '' && text.length <= 4096 && !text.includes('\0') ? plainToken(text) || text : null),
)

/** An emailed code: 6 or 8 digits in any script, with spaces or hyphens between them. */
export const code = field(
  'code',
  'must be the digits of the code',
  {
    description: 'The 6 or 8 digits of a mailed code. Spaces and hyphens between them do no harm.',
    minLength: 6,
    maxLength: 64,
  },
  text => {
    const digits = text.length > 64 ? '' : plainCode(text)
    return /^(?:[0-9]{6}|[0-9]{8})$/.test(digits) ? digits : null
  },
)
