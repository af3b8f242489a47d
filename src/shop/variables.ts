import { baseUrl, duration, rule } from '../platform/config/variable-rules.ts'

/** A key of the gateway: it stands in a header. */
const apiKey = (kind: 'pk' | 'sk') =>
  rule(`must be ${kind}_ and 5 to 250 letters, digits, _ and -`, text =>
    new RegExp(`^${kind}_[\\w-]{5,250}$`).test(text) ? text : null,
  )

// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, "Signature scheme"
const signingSecret = (text: string): string | null => {
  const [, encoded] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []
  const bytes = Buffer.from(encoded ?? '', 'base64')
  const isWhole = bytes.toString('base64') === encoded
  return isWhole && bytes.length >= 24 && bytes.length <= 64 ? text : null
}

const signingSecrets = rule(
  'must be whsec_ and the base64 of 24 to 64 bytes, or two such secrets with a comma between them',
  text => {
    const secrets = text.split(',').map(part => signingSecret(part.trim()))
    return secrets.length <= 2 && !secrets.includes(null) ? (secrets as string[]) : null
  },
)

/** They are set together, or none of them is. */
export const shopSecrets = [
  'RECURRENTE_PUBLIC_KEY',
  'RECURRENTE_SECRET_KEY',
  'RECURRENTE_WEBHOOK_SECRET',
] as const

/** The variables of whoever sells sites. */
export const shopVariables = {
  RECURRENTE_PUBLIC_KEY: {
    schema: apiKey('pk'),
    example: 'pk_test_0123456789abcdef',
    help: 'Selling sites through the payment gateway Recurrente is on where this, the secret key and the webhook secret are set, and off without.',
  },
  RECURRENTE_SECRET_KEY: {
    schema: apiKey('sk'),
    example: 'sk_test_0123456789abcdef',
    help: 'The secret key at Recurrente.',
  },
  RECURRENTE_WEBHOOK_SECRET: {
    schema: signingSecrets,
    example: 'whsec_bm90LWEtc2VjcmV0LW9ubHktYW4tZXhhbXBsZSE=',
    help: 'What Recurrente signs its events with, from its page of webhooks. Two with a comma between them while one takes over from the other.',
  },
  RECURRENTE_URL: {
    schema: baseUrl,
    default: 'https://app.recurrente.com/api',
    help: 'Where the API of Recurrente is.',
  },
  RESERVATION_TTL: {
    schema: duration('5m', '1d'),
    default: '30m',
    help: 'The life of a checkout: for as long its site is kept from other buyers.',
  },
} as const
