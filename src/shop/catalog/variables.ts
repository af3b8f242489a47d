import type * as v from 'valibot'
import type { Config, ModuleVariables } from '../../platform/config/config.ts'
import { baseUrl, duration, rule } from '../../platform/config/variable-rules.ts'

/** A key of the payment gateway. It is sent in a header, so it must hold no other characters. */
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

/** Either all of them are set, or none. */
export const shopSecrets = [
  'RECURRENTE_PUBLIC_KEY',
  'RECURRENTE_SECRET_KEY',
  'RECURRENTE_WEBHOOK_SECRET',
] as const

const shopTable = {
  RECURRENTE_PUBLIC_KEY: {
    schema: apiKey('pk'),
    example: 'pk_test_0123456789abcdef',
    help: 'The public key at the payment gateway Recurrente. The shop, which sells sites, is on if this, the secret key and the webhook secret are set.',
  },
  RECURRENTE_SECRET_KEY: {
    schema: apiKey('sk'),
    example: 'sk_test_0123456789abcdef',
    help: 'The secret key at Recurrente.',
  },
  RECURRENTE_WEBHOOK_SECRET: {
    schema: signingSecrets,
    example: 'whsec_bm90LWEtc2VjcmV0LW9ubHktYW4tZXhhbXBsZSE=',
    help: 'The secret that Recurrente signs its events with, from its page of webhooks. To replace it, set the old and the new secret, separated by a comma.',
  },
  RECURRENTE_URL: {
    schema: baseUrl,
    default: 'https://app.recurrente.com/api',
    httpsInProduction: true,
    help: 'The address of the API of Recurrente.',
  },
  RESERVATION_TTL: {
    schema: duration('5m', '1d'),
    default: '30m',
    help: 'How long a checkout is open. During this time its site is reserved for its buyer.',
  },
} as const

type Parsed = { [N in keyof typeof shopTable]: v.InferOutput<(typeof shopTable)[N]['schema']> }
type Secret = (typeof shopSecrets)[number]

/** The configuration of a service with a shop. */
export type ShopConfig = Config & Omit<Parsed, Secret> & { [N in Secret]: Parsed[N] | undefined }

/** The configuration as the shop reads it. The service has parsed it with the table above. */
export const shopConfig = (config: Config): ShopConfig => config as ShopConfig

/** Whether the shop is on. */
export const isShop = (config: object): boolean =>
  (config as Partial<ShopConfig>).RECURRENTE_SECRET_KEY !== undefined

/** Setting only some of the secrets is an error, because the shop would stay off without a visible reason. */
export const shopVariables: ModuleVariables = {
  table: shopTable,
  check: env => {
    const missing = shopSecrets.filter(name => !env[name])
    return missing.length === shopSecrets.length
      ? []
      : missing.map(name => `${name} is not set. Set all three secrets of the shop, or none`)
  },
}
