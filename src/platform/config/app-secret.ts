import * as v from 'valibot'

/** Refused as APP_SECRET because it is public. */
export const exampleSecret = 'change-me-to-the-output-of-openssl-rand-base64-32'

/** The secrets of APP_SECRET, the current one first. */
export type AppSecrets = readonly [string, ...string[]]

const minLength = 32

/** A change of the secret needs two. More are for a second change before the first has ended. */
const maxSecrets = 4

const generate = 'Generate one: openssl rand -base64 32'

const commaHint = 'Write a comma that belongs to a secret as \\,'

/** Splits at every comma without a backslash before it. Nothing is trimmed, because a secret may end with a line break. */
const split = (text: string): string[] => text.split(/(?<!\\),/).map(part => part.replaceAll('\\,', ','))

const errorOf = (secrets: readonly string[], text: string): string | null => {
  if (secrets.some(secret => secret.length < minLength))
    return text.includes(',')
      ? `must list secrets of at least ${minLength} characters, the current one first. ${commaHint}`
      : `must have at least ${minLength} characters`
  if (/[ \t],|(?<!\\),[ \t]/.test(text)) return `must have no spaces around its commas. ${commaHint}`
  if (secrets.length > maxSecrets) return `must list at most ${maxSecrets} secrets, the current one first`
  return new Set(secrets).size < secrets.length ? 'must not list the same secret twice' : null
}

/** One secret, or the current one and previous ones with commas between them. */
export const appSecrets = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }): AppSecrets => {
    const [current = '', ...previous] = split(dataset.value)
    const message = errorOf([current, ...previous], dataset.value)
    if (message === null) return [current, ...previous]
    addIssue({ message })
    return NEVER
  }),
)

/** The secrets that must not be used. Production also refuses those that are easy to guess. */
export const weakSecretErrors = (secrets: readonly string[], isProduction: boolean): string[] => {
  const found = (is: (secret: string) => boolean, fault: string): string[] =>
    secrets.flatMap((secret, at) => {
      if (!is(secret)) return []
      const which = secrets.length === 1 ? '' : ` (secret ${at + 1} of ${secrets.length})`
      return [`APP_SECRET${which} ${fault}. ${generate}`]
    })
  return [
    ...found(secret => secret === exampleSecret, 'must not be the example'),
    ...found(secret => isProduction && new Set(secret).size < 12, 'is too easy to guess'),
  ]
}
