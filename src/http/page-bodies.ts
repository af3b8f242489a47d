// What stands on the card of each page. A page is a shape and a set of words, `<page>_title` and so on.

const heading = (page: string): string => `<h1>{{t.${page}_title}}</h1>
<p>{{t.${page}_lead}}</p>`

const form = (page: string, fields: string): string => `<form method="post" action="{{action}}">
<input type="hidden" name="token" value="{{token}}">
${fields}<button type="submit">{{t.${page}_button}}</button>
</form>`

const passwordField = (page: string, error: string | null): string => {
  const [described, refused] = error ? ['error hint', ' aria-invalid="true"'] : ['hint', '']
  return `<label for="new_password">{{t.${page}_label}}</label>
<input id="new_password" name="new_password" type="password" autocomplete="new-password" minlength="{{min}}" required aria-describedby="${described}"${refused}>
${error ? `<p class="error" id="error" role="alert">{{t.error_${error}}}</p>\n` : ''}<p class="hint" id="hint">{{t.${page}_hint}}</p>
`
}

const shapes = {
  tell: heading,
  hint: page => `${heading(page)}\n<p class="hint">{{t.${page}_hint}}</p>`,
  ask: page => `${heading(page)}\n${form(page, '')}`,
  password: (page, error) => `${heading(page)}\n${form(page, passwordField(page, error))}`,
} satisfies Record<string, (page: string, error: string | null) => string>

const pages = {
  confirm: 'ask',
  verified: 'tell',
  verified_again: 'tell',
  email_confirm: 'ask',
  email_confirmed: 'tell',
  email_confirmed_again: 'tell',
  undo_email: 'ask',
  undo_email_done: 'tell',
  undo_email_again: 'tell',
  undo_deletion: 'ask',
  undo_deletion_done: 'tell',
  undo_deletion_again: 'tell',
  reset: 'password',
  reset_done: 'tell',
  reset_again: 'tell',
  taken: 'hint',
  invalid: 'hint',
} as const satisfies Record<string, keyof typeof shapes>

type Pages = typeof pages
export type PageName = keyof Pages
type PageOf<Shape> = { [N in PageName]: Pages[N] extends Shape ? N : never }[PageName]
/** A page that asks for the press of a button. */
export type ButtonPage = PageOf<'ask'>
/** A page that only says something. */
export type PlainPage = PageOf<'tell' | 'hint'>

type Asked = { action: string; token: string }

/** What is filled in. `min` is a number of characters, `error` the rule that a password broke. */
export type PageOptions<N extends PageName> = {
  tell: Record<never, string>
  hint: Record<never, string>
  ask: Asked
  password: Asked & { min: number; error?: string | undefined }
}[Pages[N]]

export const pageNames = Object.keys(pages) as PageName[]

/** A body with `{{t.words}}` still in it. `error` is one of the rules that there is a word `error_<rule>` for. */
export const bodyOf = (page: PageName, error: string | null): string => shapes[pages[page]](page, error)
