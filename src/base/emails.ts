// Every e-mail of the service: what is filled in, and the proof that it carries, if any.
// Its look is `templates/<kind>.mjml` and `.txt`, its words are `templates/<locale>/<kind>.json`.

const hour = 3_600_000

type Email = {
  readonly vars: readonly string[]
  /** `ttl` in milliseconds. */
  readonly proof?: { readonly purpose: string; readonly ttl: number }
}

export const emails = {
  verify_email: {
    vars: ['name', 'link', 'code', 'hours'],
    proof: { purpose: 'verify_email', ttl: 24 * hour },
  },
  welcome: { vars: ['name', 'link'] },
  session_reuse: { vars: ['name', 'time', 'ip', 'device'] },
} as const satisfies Record<string, Email>

export type EmailKind = keyof typeof emails

/** What a mailed link or code is good for. */
export type ProofPurpose = Extract<(typeof emails)[EmailKind], { proof: unknown }>['proof']['purpose']

/**
 * What a mail needs, as text. `hours` is a number and `time` an ISO 8601 date: both are put into the reader's
 * words. `name`, `time`, `ip` and `device` may be empty; `name`, `ip` and `device` may hold anything.
 */
export type EmailVars<K extends EmailKind> = K extends EmailKind
  ? { readonly [V in (typeof emails)[K]['vars'][number]]: string }
  : never

export const emailKinds = Object.keys(emails) as EmailKind[]
