// Every e-mail of the service: what is filled in, and the proof that it carries, if any.
// Its look is `templates/<kind>.mjml` and `.txt`, its words are `templates/<locale>/<kind>.json`.

const hour = 3_600_000
const day = 24 * hour

type Email = {
  readonly vars: readonly string[]
  /** `ttl` in milliseconds. */
  readonly proof?: { readonly purpose: string; readonly ttl: number }
}

export const emails = {
  verify_email: {
    vars: ['name', 'time', 'ip', 'device', 'link', 'code', 'hours', 'remove_link'],
    proof: { purpose: 'verify_email', ttl: day },
  },
  /** What a `verify_email` becomes where somebody else has made the account for its owner. */
  verify_invited: { vars: ['name', 'link', 'code', 'hours'] },
  welcome: { vars: ['name', 'link'] },
  welcome_guest: {
    vars: ['name', 'link', 'code', 'hours'],
    proof: { purpose: 'reset_password', ttl: day },
  },
  purchase_claim: {
    vars: ['name', 'link', 'code', 'hours'],
    proof: { purpose: 'reset_password', ttl: day },
  },
  account_exists: { vars: ['name', 'link'] },
  reset_password: {
    vars: ['name', 'link', 'code', 'minutes'],
    proof: { purpose: 'reset_password', ttl: hour },
  },
  password_changed: { vars: ['name', 'time', 'ip', 'device', 'link'] },
  email_change: {
    vars: ['name', 'account', 'link', 'code', 'hours'],
    proof: { purpose: 'change_email', ttl: day },
  },
  email_changed: {
    vars: ['name', 'email', 'link', 'days'],
    proof: { purpose: 'undo_email_change', ttl: 7 * day },
  },
  email_change_undone: { vars: ['name', 'email', 'time', 'ip', 'device'] },
  new_device: { vars: ['name', 'time', 'ip', 'device', 'link'] },
  session_reuse: { vars: ['name', 'time', 'ip', 'device'] },
  account_exported: { vars: ['name', 'time', 'ip', 'device', 'link'] },
  account_deleted: {
    vars: ['name', 'link', 'days'],
    proof: { purpose: 'undo_deletion', ttl: 400 * day },
  },
  purchase_confirmation: { vars: ['name', 'item', 'amount', 'reference', 'link'] },
} as const satisfies Record<string, Email>

export type EmailKind = keyof typeof emails

/**
 * Without a user these are for the owner of a mailbox, whose account at the address may be a stranger's: they have no name
 * and no language of that account, and are not in its export.
 */
export const mailboxKinds: readonly EmailKind[] = ['purchase_claim', 'purchase_confirmation']

/** What a mailed link or code is good for. */
export type ProofPurpose = Extract<(typeof emails)[EmailKind], { proof: unknown }>['proof']['purpose']

/**
 * Digits of the code beside a mailed link. The code of a reset alone opens an account, so it has eight. Those of a
 * verification or a move only confirm an address, for somebody who has the password already, and are shorter to type.
 */
export const codeDigits = {
  verify_email: 6,
  change_email: 6,
  reset_password: 8,
} as const satisfies Partial<Record<ProofPurpose, 6 | 8>>

/** A purpose that a code is mailed for. */
export type CodePurpose = keyof typeof codeDigits

/**
 * What a mail needs, as text. `minutes`, `hours` and `days` are numbers and `time` an ISO 8601 date: they are put into
 * the reader's words, and `amount` (`12500 GTQ`, in minor units). `email` is another address than the reader's, masked, `account` the address that an account has
 * now, in full. `name`, `time`, `ip`, `device` and `email`
 * may be empty; all of them but `time` may hold anything.
 */
export type EmailVars<K extends EmailKind> = K extends EmailKind
  ? { readonly [V in (typeof emails)[K]['vars'][number]]: string }
  : never

export const emailKinds = Object.keys(emails) as EmailKind[]

/** The kinds of email whose link or code is good for one of these. */
export const kindsFor = (purposes: readonly ProofPurpose[]): EmailKind[] =>
  emailKinds.filter(kind => {
    const email: Email = emails[kind]
    return email.proof !== undefined && purposes.includes(email.proof.purpose as ProofPurpose)
  })
