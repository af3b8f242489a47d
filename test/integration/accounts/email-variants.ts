import { anEmail } from '../../fixtures.ts'

/** Spellings of one email address that must count as the same account. */
export const emailVariants = (email: string): string[] => [
  email,
  email.toUpperCase(),
  ` ${email} `,
  email.replace('user', 'User'),
  email.replace('example.com', 'EXAMPLE.com'),
]

/** Spellings of an address with a non-ASCII domain (NFC, NFD, upper case, A-labels), and the form that is stored. */
export const nonAsciiVariants = (): { canonicalEmail: string; variants: string[] } => {
  const local = anEmail().split('@')[0] ?? ''
  const canonicalEmail = `${local}@xn--bcher-kva.example`
  const composed = `${local}@bücher.example`
  const variants = [
    ...[composed, composed.normalize('NFD'), canonicalEmail],
    ...[composed.toUpperCase(), ` ${canonicalEmail.toUpperCase()} `],
  ]
  return { canonicalEmail, variants }
}
