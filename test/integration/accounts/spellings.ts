import { anEmail } from '../../fixtures.ts'

/** Ways to write one address. */
export const spellings = (email: string): string[] => [
  email,
  email.toUpperCase(),
  ` ${email} `,
  email.replace('user', 'User'),
  email.replace('example.com', 'EXAMPLE.com'),
]

/** Ways to write an address whose domain is not ASCII: composed or not, in capitals, as A-labels; and the one kept. */
export const foreignSpellings = (): { kept: string; spelt: string[] } => {
  const local = anEmail().split('@')[0] ?? ''
  const kept = `${local}@xn--bcher-kva.example`
  const composed = `${local}@bücher.example`
  const spelt = [composed, composed.normalize('NFD'), kept, composed.toUpperCase(), ` ${kept.toUpperCase()} `]
  return { kept, spelt }
}
