import type { PasswordKind } from '../base/password-policy.ts'

// What stands on the card of each page. A page is a shape and a set of words, `<page>_title` and so on.

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

/** The button to the front end on a page where nothing is left to do. */
const goOn = ({ hasFrontend }: Variant): string =>
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

/** What somebody should know before they press the button. */
const factsOf = (names: readonly Fact[]): string =>
  `<dl class="facts">\n${names.map(name => `<dt>{{t.fact_${name}}}</dt>\n<dd><bdi>{{${name}}}</bdi></dd>\n`).join('')}</dl>`

const otherForm = (page: string): string => `<form method="post" action="{{other_action}}">
<input type="hidden" name="token" value="{{token}}">
<p class="hint" id="other">{{t.${page}_other_hint}}</p>
<button class="other" type="submit" aria-describedby="other">{{t.${page}_other}}</button>
</form>`

const shapes = {
  tell: (page, variant) => `${heading(page)}${goOn(variant)}`,
  hint: (page, variant) => `${heading(page)}\n<p class="hint">{{t.${page}_hint}}</p>${goOn(variant)}`,
  ask: page => `${heading(page)}\n${form(page, '')}`,
  registration: page =>
    `${heading(page)}\n${factsOf(['time', 'ip', 'device'])}\n${form(page, '')}\n${otherForm(page)}`,
  move: page =>
    `${heading(page)}\n${factsOf(['account'])}\n<p class="hint">{{t.${page}_hint}}</p>\n${form(page, '')}`,
  email: (page, variant) => `${heading(page)}\n${emailForm(page, variant)}`,
  password: (page, variant) => `${heading(page)}\n${form(page, passwordFields(page, variant))}`,
} satisfies Record<string, (page: string, variant: Variant) => string>

const pages = {
  confirm: 'ask',
  confirm_registration: 'registration',
  verified: 'tell',
  verified_again: 'tell',
  email_confirm: 'ask',
  email_confirm_account: 'move',
  email_confirmed: 'tell',
  email_confirmed_again: 'tell',
  reject: 'ask',
  reject_done: 'tell',
  reject_again: 'tell',
  undo_email: 'ask',
  undo_email_done: 'tell',
  undo_email_again: 'tell',
  undo_deletion: 'ask',
  undo_deletion_done: 'tell',
  undo_deletion_again: 'tell',
  reset: 'password',
  reset_done: 'tell',
  reset_again: 'tell',
  forgot: 'email',
  reset_sent: 'tell',
  verify_sent: 'tell',
  taken: 'hint',
  invalid_verify: 'email',
  invalid_reset: 'email',
  invalid_reject: 'email',
  invalid_change: 'hint',
  invalid_undo: 'email',
} as const satisfies Record<string, keyof typeof shapes>

type Pages = typeof pages
export type PageName = keyof Pages
type PageOf<Shape> = { [N in PageName]: Pages[N] extends Shape ? N : never }[PageName]
/** A page that asks for the press of a button. */
export type ButtonPage = PageOf<'ask'>
/** A page that only says something. */
export type PlainPage = PageOf<'tell' | 'hint'>
/** A page of a link that is no longer good. */
export type InvalidPage = Extract<PageName, `invalid_${string}`>
/** A page that asks for the address to send a new email to. */
export type EmailPage = PageOf<'email'>

type Asked = { action: string; token: string }
type PasswordOptions = {
  username: string
  min: number
  kinds: readonly PasswordKind[]
  error?: string | undefined
}

/** `other_action` is where the other button posts. `ip` and `device` may be empty. */
type Registered = { other_action: string; time: Date; ip: string; device: string }

/**
 * What is filled in. `account` is the address that an account has now. `error` is the rule that a password broke, or the field that was wrong. `min`, `kinds` and `rules`
 * say what a password must be, `username` whose it is.
 */
export type PageOptions<N extends PageName> = {
  tell: Record<never, string>
  hint: Record<never, string>
  ask: Asked
  registration: Asked & Registered
  move: Asked & { account: string }
  email: { action: string; error?: string | undefined }
  password: Asked & PasswordOptions
}[Pages[N]]

/** Whether the page runs the script that shows a password. */
export const hasScript = (page: PageName): boolean => pages[page] === 'password'

export const pageNames = Object.keys(pages) as PageName[]

/** A body with `{{t.words}}` still in it. `error` is one of those that there is a word `error_<error>` for. */
export const bodyOf = (page: PageName, variant: Variant): string => shapes[pages[page]](page, variant)
