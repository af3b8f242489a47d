import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cut, cut, escapeHtml, fill, fillWords, type Values } from '../base/fill.ts'
import { direction, locales, pickLocale, templates } from '../base/locales.ts'

// The pages behind the links of mails. They hold no script and load nothing, so their policy can be
// `default-src 'none'` with the hash of the one style sheet; and they pass no referrer on, since the address
// of the first one holds a token.

const style = `
:root { color-scheme: light dark; --page: #f3f4f2; --card: #fff; --edge: #e2e4e0; --text: #24292f; --muted: #57606a; --accent: #0f5f57; --on-accent: #fff }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181b; --card: #1f2529; --edge: #343c42; --text: #e8ecef; --muted: #aab4bc; --accent: #7fd8cb; --on-accent: #07302b }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px 16px; background: var(--page); color: var(--text);
  font: 17px/1.6 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Tahoma, Arial, sans-serif }
main { width: 100%; max-width: 460px; padding: 32px 28px; background: var(--card); border: 1px solid var(--edge); border-radius: 14px }
.brand { margin: 0 0 24px; color: var(--accent); font-weight: 700 }
h1 { margin: 0 0 12px; font-size: 26px; line-height: 1.3 }
p { margin: 0 0 12px }
main > :last-child { margin-bottom: 0 }
.hint { color: var(--muted) }
form { margin-top: 24px }
button { width: 100%; padding: 14px 24px; border: 0; border-radius: 8px; background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer }
button:hover { opacity: .92 }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px }
`

/** For `style-src '…'`: the one style sheet of all pages, and no other. */
export const pageStyleHash = `sha256-${createHash('sha256').update(style).digest('base64')}`

const bodies = {
  confirm: `<h1>{{t.confirm_title}}</h1>
<p>{{t.confirm_lead}}</p>
<form method="post" action="{{action}}">
<input type="hidden" name="token" value="{{token}}">
<button type="submit">{{t.confirm_button}}</button>
</form>`,
  verified: `<h1>{{t.verified_title}}</h1>
<p>{{t.verified_lead}}</p>`,
  invalid: `<h1>{{t.invalid_title}}</h1>
<p>{{t.invalid_lead}}</p>
<p class="hint">{{t.invalid_hint}}</p>`,
} as const

type PageName = keyof typeof bodies

const documentOf = (name: PageName): string => `<!doctype html>
<html lang="{{t.locale}}" dir="{{t.dir}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{{t.${name}_title}} · Latchkey</title>
<style>${style}</style>
</head>
<body>
<main>
<p class="brand"><span lang="en" dir="ltr">Latchkey</span></p>
${bodies[name]}
</main>
</body>
</html>
`

const compile = (locale: string): Record<PageName, Cut> => {
  const words: Values = JSON.parse(readFileSync(join(templates, locale, 'pages.json'), 'utf8'))
  const all = { ...words, locale, dir: direction(locale) }
  const one = (name: PageName) => cut(fillWords(documentOf(name), all, escapeHtml))
  return { confirm: one('confirm'), verified: one('verified'), invalid: one('invalid') }
}

const pages = new Map(locales.map(locale => [locale, compile(locale)]))

/**
 * A whole HTML document. `locale` may be any tag: the closest language that there is will be used.
 * The form of `confirm` posts `token` to `action`; the other pages need nothing.
 */
export const page = <N extends PageName>(
  locale: string,
  name: N,
  options: N extends 'confirm' ? { action: string; token: string } : Record<never, string>,
): string => fill(pages.get(pickLocale(locale, null))?.[name] ?? [], options, escapeHtml)
