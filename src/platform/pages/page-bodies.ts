import type { PasswordKind } from '../base/password-policy.ts'

// The content of each page: a shape, and the words `<page>_title`, `<page>_lead` and so on.

/**
 * A variant of a page: why its form was refused, whether there is a front end to continue to, and whether a password must
 * hold certain kinds of characters.
 */
export type Variant = {
  readonly error: string | null
  readonly hasFrontend: boolean
  readonly hasKinds: boolean
}

const heading = (page: string): string => `<h1>{{t.${page}_title}}</h1>
<p>{{t.${page}_lead}}</p>`

const form = (page: string, fields: string): string => `<form method="post" action="{{action}}">
<input type="hidden" name="token" value="{{token}}">
${fields}<button type="submit">{{t.${page}_button}}</button>
</form>`

/** The button that leads to the front end after the page has done its work. */
const continueButton = ({ hasFrontend }: Variant): string =>
  hasFrontend ? '\n<p class="on"><a class="button" href="{{frontend}}">{{t.continue}}</a></p>' : ''

const describedBy = (error: string | null, hint: string): string => {
  const ids = [...(error ? ['error'] : []), ...(hint ? [hint] : [])].join(' ')
  return `${ids ? ` aria-describedby="${ids}"` : ''}${error ? ' aria-invalid="true"' : ''}`
}

const errorLine = (error: string | null): string =>
  error ? `<p class="error" id="error" role="alert">{{t.error_${error}}}</p>\n` : ''

// Password managers save the password under the address of the account. The form does not send it.
const passwordFields = (page: string, { error, hasKinds }: Variant): string =>
  `<label for="username">{{t.email_label}}</label>
<input class="shown" id="username" type="email" autocomplete="username" value="{{username}}" readonly dir="ltr">
<label for="new_password">{{t.${page}_label}}</label>
<input id="new_password" name="new_password" type="password" autocomplete="new-password" autocapitalize="none" spellcheck="false" minlength="{{min}}" passwordrules="{{rules}}" required${describedBy(error, 'hint')}>
${errorLine(error)}<p class="hint" id="hint">{{t.${page}_hint${hasKinds ? '_kinds' : ''}}}</p>
<p class="show" hidden><label><input type="checkbox" id="show">{{t.${page}_show}}</label></p>
`

const emailForm = (page: string, { error }: Variant): string => `<form method="post" action="{{action}}">
<label for="email">{{t.email_label}}</label>
<input id="email" name="email" type="email" autocomplete="email" maxlength="254" required dir="ltr"${describedBy(error, '')}>
${errorLine(error)}<button type="submit">{{t.${page}_button}}</button>
</form>`

type Fact = 'time' | 'ip' | 'device' | 'account'

/** What a user should know before pressing the button. */
const factsOf = (names: readonly Fact[]): string =>
  `<dl class="facts">\n${names.map(name => `<dt>{{t.fact_${name}}}</dt>\n<dd><bdi>{{${name}}}</bdi></dd>\n`).join('')}</dl>`

const otherForm = (page: string): string => `<form method="post" action="{{other_action}}">
<input type="hidden" name="token" value="{{token}}">
<p class="hint" id="other">{{t.${page}_other_hint}}</p>
<button class="other" type="submit" aria-describedby="other">{{t.${page}_other}}</button>
</form>`

const shapes = {
  message: (page, variant) => `${heading(page)}${continueButton(variant)}`,
  hint: (page, variant) =>
    `${heading(page)}\n<p class="hint">{{t.${page}_hint}}</p>${continueButton(variant)}`,
  note: page => `${heading(page)}\n<p class="hint">{{t.${page}_hint}}</p>`,
  button: page => `${heading(page)}\n${form(page, '')}`,
  registration: page =>
    `${heading(page)}\n${factsOf(['time', 'ip', 'device'])}\n${form(page, '')}\n${otherForm(page)}`,
  email_change: page =>
    `${heading(page)}\n${factsOf(['account'])}\n<p class="hint">{{t.${page}_hint}}</p>\n${form(page, '')}`,
  email: (page, variant) => `${heading(page)}\n${emailForm(page, variant)}`,
  password: (page, variant) => `${heading(page)}\n${form(page, passwordFields(page, variant))}`,
} satisfies Record<string, (page: string, variant: Variant) => string>

const pages = {
  confirm: 'button',
  confirm_registration: 'registration',
  verified: 'message',
  verified_again: 'message',
  email_confirm: 'button',
  email_confirm_account: 'email_change',
  email_confirmed: 'message',
  email_confirmed_again: 'message',
  reject: 'button',
  reject_done: 'message',
  reject_again: 'message',
  undo_email: 'button',
  undo_email_done: 'message',
  undo_email_again: 'message',
  undo_deletion: 'button',
  undo_deletion_done: 'message',
  undo_deletion_again: 'message',
  undo_factor: 'button',
  undo_factor_removed: 'button',
  undo_factor_done: 'message',
  undo_factor_again: 'message',
  reset: 'password',
  reset_done: 'message',
  reset_again: 'message',
  forgot: 'email',
  reset_sent: 'message',
  verify_sent: 'message',
  taken: 'hint',
  login_code: 'note',
  invalid_verify: 'email',
  invalid_reset: 'email',
  invalid_reject: 'email',
  invalid_change: 'hint',
  invalid_undo: 'email',
  invalid_undo_factor: 'email',
} as const satisfies Record<string, keyof typeof shapes>

type Pages = typeof pages
export type PageName = keyof Pages
type PageOf<Shape> = { [N in PageName]: Pages[N] extends Shape ? N : never }[PageName]
/** A page with one button that confirms an action. */
export type ButtonPage = PageOf<'button'>
/** A page without a form. */
export type PlainPage = PageOf<'message' | 'hint'>
/** The page of a link that has expired or was used. */
export type InvalidPage = Extract<PageName, `invalid_${string}`>
/** A page that asks for the address to send a new email to. */
export type EmailPage = PageOf<'email'>

type TokenForm = { action: string; token: string }
type PasswordOptions = {
  username: string
  min: number
  kinds: readonly PasswordKind[]
  error?: string | undefined
}

/** The second button posts to `other_action`. `ip` and `device` may be empty. */
type RegistrationFacts = { other_action: string; time: Date; ip: string; device: string }

/**
 * The values of a page. `account` is the present address of an account. `error` is the rule that a password broke, or the
 * name of an invalid field. `min` and `kinds` are the rules for a password, `username` is the address of its account.
 */
export type PageOptions<N extends PageName> = {
  message: Record<never, string>
  hint: Record<never, string>
  note: Record<never, string>
  button: TokenForm
  registration: TokenForm & RegistrationFacts
  email_change: TokenForm & { account: string }
  email: { action: string; error?: string | undefined }
  password: TokenForm & PasswordOptions
}[Pages[N]]

/** Whether the page includes the script that shows a password. */
export const hasScript = (page: PageName): boolean => pages[page] === 'password'

export const pageNames = Object.keys(pages) as PageName[]

/** The body of a page as a template. `error` must have a word `error_<error>`. */
export const bodyOf = (page: PageName, variant: Variant): string => shapes[pages[page]](page, variant)
