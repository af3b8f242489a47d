// Rules for new passwords (NIST SP 800-63B-4, 3.1.1.2). Lengths count code points of the NFC form, which is hashed. Lists
// are compared with the whole password, as a passphrase may contain a common word.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type PasswordKind = 'letter' | 'digit' | 'lower' | 'upper' | 'symbol'
type PasswordRule =
  | 'too_short'
  | 'too_long'
  | `needs_${PasswordKind}`
  | 'too_common'
  | 'same_as_email'
  | 'same_as_name'
type WeakPassword = { rule: PasswordRule; message: string }
export type CheckPassword = (
  password: string,
  owner: { email: string; fullName?: string | null | undefined },
) => WeakPassword | null

const maxLength = 256
const kindRules: Record<PasswordKind, { shape: RegExp; message: string }> = {
  letter: { shape: /\p{L}/u, message: 'must hold a letter' },
  digit: { shape: /\p{Nd}/u, message: 'must hold a digit' },
  lower: { shape: /\p{Ll}/u, message: 'must hold a lower-case letter' },
  upper: { shape: /\p{Lu}/u, message: 'must hold an upper-case letter' },
  symbol: { shape: /[^\p{L}\p{M}\p{N}\s]/u, message: 'must hold a symbol' },
}

/**
 * Makes the check of new passwords. It returns null, or the first broken rule with a message that does not repeat the
 * password. The list of common passwords is read for the first password, which takes 10 ms.
 */
export const passwordPolicy = (options: {
  minLength: number
  require: Iterable<PasswordKind>
}): CheckPassword => {
  const { minLength } = options
  const kinds = [...options.require]
  let common: string | null = null
  return (password, { email, fullName }) => {
    const text = password.normalize('NFC')
    const points = [...text]
    if (points.length < minLength) return weak('too_short', `must be at least ${minLength} characters`)
    if (points.length > maxLength) return weak('too_long', `must be at most ${maxLength} characters`)
    const missing = kinds.find(kind => !kindRules[kind].shape.test(text))
    if (missing) return weak(`needs_${missing}`, kindRules[missing].message)
    const plain = fold(text)
    common ??= commonPasswords()
    if (common.includes(JSON.stringify(plain)) || isSequence(plain))
      return weak('too_common', 'is one of the first to be guessed')
    const address = fold(email)
    if (plain === address || plain === address.slice(0, address.lastIndexOf('@')))
      return weak('same_as_email', 'must not be the email address')
    const name = fold(fullName ?? '')
    if (plain === name || plain === name.replace(/\s/g, ''))
      return weak('same_as_name', 'must not be the name')
    return null
  }
}

const weak = (rule: PasswordRule, message: string): WeakPassword => ({ rule, message })

const fold = (text: string): string => text.normalize('NFC').toLowerCase()

// One repeated character, or digits or letters in order (…8901…, abcd…). No list holds these in every length.
const isSequence = (text: string): boolean => {
  const codes = [...text].map(char => char.codePointAt(0) ?? 0)
  const steps = codes.slice(1).map((code, at) => code - (codes[at] ?? 0))
  const isDigits = /^[0-9]+$/.test(text)
  const step = isDigits ? steps.map(by => (by + 10) % 10) : steps
  return [0, 1, isDigits ? 9 : -1].some(by => step.every(found => found === by))
}

// Reads the list as text, as the module of the package also loads dictionaries and keyboards. The text stays JSON, and a
// word is searched with its quotes. That takes 0.3 ms per password, and a set of 49 000 words would cost every start 25 ms
// and 15 MB.
const commonPasswords = (): string => {
  const path = fileURLToPath(import.meta.resolve('@zxcvbn-ts/language-common/src/passwords.json'))
  return fold(readFileSync(path, 'utf8'))
}
