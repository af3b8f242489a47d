import type { TokenPurpose } from './token-purposes.ts'

/** A page that the main link of an email opens. `home` and `forgot-password` need no token. */
export type LinkTarget =
  | 'home'
  | 'forgot-password'
  | 'reset-password'
  | 'verify-email'
  | 'confirm-email'
  | 'undo-email-change'
  | 'undo-deletion'
  | 'undo-factor'
  | 'login-code'

/** A condition on the account, checked when the email is sent. */
export type SendCondition = 'email_unverified' | 'no_password' | 'may_reset' | 'address_free' | 'erasure_due'

/** Who receives an email: by default the address that an active account has when the email is sent. */
export type Recipients = {
  /** The email is dropped unless this holds. */
  readonly onlyIf?: SendCondition
  /** Also an address that the account does not have yet, or has no more: an attacker who changes it silences no notice. */
  readonly anyAddress?: true
  /** Also an account that is deactivated, or deleted and not erased yet. */
  readonly inactiveAccounts?: true
  /**
   * Without a user id, the email is for the owner of the mailbox. The account at the address may be another person's, so
   * the email has neither its name nor its language, and is not in its export.
   */
  readonly mailboxOwner?: true
}

/**
 * The one-time token of an email, with its lifetime in milliseconds. Redis keeps the tokens that have a code; Postgres
 * finds those that undo a change.
 */
export type EmailToken = { readonly purpose: TokenPurpose; readonly lifetime: number }

type Parts<V extends string, D extends string, T extends EmailToken | undefined> = {
  /**
   * An example of each variable, for the preview and the tests. Variables are text: `minutes`, `hours` and `days` a
   * number, `time` an ISO 8601 date, `amount` minor units and a currency (`12500 GTQ`). `email` is another address than
   * the reader's, masked; `account` the full address of the account.
   */
  readonly sample: Readonly<Record<V, string>>
  /** What the flow that queues the email must store with it. Nothing secret: tokens derive from the id of the row. */
  readonly data?: readonly D[]
  readonly token?: T
  /** Where `link` leads: by default to the home page. */
  readonly link?: LinkTarget
  readonly sendTo?: Recipients
}

/**
 * An email of the service. Its look is `templates/<kind>.mjml` and `.txt`, its words are `templates/<locale>/<kind>.json`.
 */
export type EmailDefinition<
  V extends string = string,
  D extends string = string,
  T extends EmailToken | undefined = EmailToken | undefined,
> = {
  readonly kind: string
  readonly variables: readonly V[]
  readonly sample: Readonly<Record<V, string>>
  readonly data: readonly D[]
  readonly token: T
  readonly link: LinkTarget
  readonly sendTo: Recipients
}

/** Defines an email. Its variables are the keys of its sample. */
export const defineEmail = <
  const V extends string,
  const D extends string = never,
  const T extends EmailToken | undefined = undefined,
>(
  kind: string,
  { sample, data = [], token, link = 'home', sendTo = {} }: Parts<V, D, T>,
): EmailDefinition<V, D, T> => ({
  ...{ kind, sample, data, link, sendTo },
  variables: Object.keys(sample) as V[],
  token: token as T,
})

/** The values that an email is rendered with. */
export type EmailValues<E extends EmailDefinition> = Readonly<Record<E['variables'][number], string>>

/** The definition of a kind. Throws if it is unknown: a newer version of the service queued the email. */
export const emailOf = (emails: readonly EmailDefinition[], kind: string): EmailDefinition => {
  const email = emails.find(each => each.kind === kind)
  if (!email) throw new TypeError(`There is no email ${kind}`)
  return email
}

/** The kinds of email whose token has one of these purposes. */
export const kindsFor = (emails: readonly EmailDefinition[], purposes: readonly TokenPurpose[]): string[] =>
  emails.flatMap(({ kind, token }) => (token && purposes.includes(token.purpose) ? [kind] : []))

/** The kinds of email that may be for the owner of a mailbox alone. */
export const mailboxKinds = (emails: readonly EmailDefinition[]): string[] =>
  emails.flatMap(({ kind, sendTo }) => (sendTo.mailboxOwner ? [kind] : []))
