// What a new password must be (NIST SP 800-63B-4, 3.1.1.2). Lengths count code points of the NFC form, which is
// the form that is hashed. Lists are compared with the whole password: a passphrase may hold a common word.
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
type PasswordFault = { rule: PasswordRule; message: string }
export type CheckPassword = (
  password: string,
  owner: { email: string; fullName?: string | null | undefined },
) => PasswordFault | null

const maxLength = 256
const kindRules: Record<PasswordKind, { shape: RegExp; message: string }> = {
  letter: { shape: /\p{L}/u, message: 'must hold a letter' },
  digit: { shape: /\p{Nd}/u, message: 'must hold a digit' },
  lower: { shape: /\p{Ll}/u, message: 'must hold a lower-case letter' },
  upper: { shape: /\p{Lu}/u, message: 'must hold an upper-case letter' },
  symbol: { shape: /[^\p{L}\p{M}\p{N}\s]/u, message: 'must hold a symbol' },
}

/**
 * The check of new passwords: null, or the first rule that is broken and a message that does not repeat the
 * password. Reads the common passwords, so make it once, at start.
 */
export const passwordPolicy = (options: {
  minLength: number
  require: Iterable<PasswordKind>
}): CheckPassword => {
  const { minLength } = options
  const kinds = [...options.require]
  const common = commonPasswords()
  return (password, { email, fullName }) => {
    const text = password.normalize('NFC')
    const points = [...text]
    if (points.length < minLength) return fault('too_short', `must be at least ${minLength} characters`)
    if (points.length > maxLength) return fault('too_long', `must be at most ${maxLength} characters`)
    const missing = kinds.find(kind => !kindRules[kind].shape.test(text))
    if (missing) return fault(`needs_${missing}`, kindRules[missing].message)
    const plain = fold(text)
    if (common.includes(JSON.stringify(plain)) || isSequence(plain))
      return fault('too_common', 'is one of the first to be guessed')
    const mail = fold(email)
    if (plain === mail || plain === mail.slice(0, mail.lastIndexOf('@')))
      return fault('same_as_email', 'must not be the e-mail address')
    const name = fold(fullName ?? '')
    if (plain === name || plain === name.replace(/\s/g, ''))
      return fault('same_as_name', 'must not be the name')
    return null
  }
}

const fault = (rule: PasswordRule, message: string): PasswordFault => ({ rule, message })

const fold = (text: string): string => text.normalize('NFC').toLowerCase()

// One character over and over, or digits and letters in order (…8901…, abcd…), which no list holds in every length.
const isSequence = (text: string): boolean => {
  const codes = [...text].map(char => char.codePointAt(0) ?? 0)
  const steps = codes.slice(1).map((code, at) => code - (codes[at] ?? 0))
  const isDigits = /^[0-9]+$/.test(text)
  const step = isDigits ? steps.map(by => (by + 10) % 10) : steps
  return [0, 1, isDigits ? 9 : -1].some(by => step.every(found => found === by))
}

// The text of the list, not the package's module: that one holds dictionaries and keyboards which nobody asks for. It
// stays as it is written, JSON, and a word is looked for with its quotes: 0.3 ms beside a bcrypt, where a set of 49 000
// words would cost each start 25 ms and 15 MB.
const commonPasswords = (): string => {
  const path = fileURLToPath(import.meta.resolve('@zxcvbn-ts/language-common/src/passwords.json'))
  return fold(readFileSync(path, 'utf8'))
}
