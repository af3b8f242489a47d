import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cut, cut, escapeHtml, fill, fillWords, type Values } from '../base/fill.ts'
import { direction, locales, pickLocale, templates } from '../base/locales.ts'
import { bodyOf, type PageName, type PageOptions, pageNames } from './page-bodies.ts'

// The pages behind the links of mails. They hold no script and load nothing, so their policy can be
// `default-src 'none'` with the hash of the one style sheet; and they pass no referrer on, since the address
// of the first one holds a token.

const style = `
:root { color-scheme: light dark; --page: #f3f4f2; --card: #fff; --edge: #e2e4e0; --text: #24292f; --muted: #57606a; --accent: #0f5f57; --on-accent: #fff; --alert: #a8201a }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181b; --card: #1f2529; --edge: #343c42; --text: #e8ecef; --muted: #aab4bc; --accent: #7fd8cb; --on-accent: #07302b; --alert: #ff9d94 }
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
label { display: block; margin-bottom: 6px; font-weight: 600 }
input { width: 100%; padding: 12px 14px; border: 1px solid var(--muted); border-radius: 8px; background: var(--page); color: inherit; font: inherit }
[aria-invalid] { border-color: var(--alert) }
input ~ p { margin: 8px 0 0; font-size: 15px }
p + button { margin-top: 20px }
.error { color: var(--alert); font-weight: 600 }
button { width: 100%; padding: 14px 24px; border: 0; border-radius: 8px; background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer }
button:hover { opacity: .92 }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px }
`

/** For `style-src '…'`: the one style sheet of all pages, and no other. */
export const pageStyleHash = `sha256-${createHash('sha256').update(style).digest('base64')}`

const documentOf = (name: PageName, error: string | null): string => `<!doctype html>
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
${bodyOf(name, error)}
</main>
</body>
</html>
`

const refused = (error: string): string => `reset ${error}`

// Templates know no conditions, so the page of each refused password is one of its own.
const compile = (locale: string): Map<string, Cut> => {
  const words: Values = JSON.parse(readFileSync(join(templates, locale, 'pages.json'), 'utf8'))
  const all = { ...words, locale, dir: direction(locale) }
  const one = (name: PageName, error: string | null) =>
    cut(fillWords(documentOf(name, error), all, escapeHtml))
  const errors = Object.keys(words).flatMap(word => /^error_(\w+)$/.exec(word)?.[1] ?? [])
  return new Map([
    ...pageNames.map(name => [name, one(name, null)] as const),
    ...errors.map(error => [refused(error), one('reset', error)] as const),
  ])
}

const pages = new Map(locales.map(locale => [locale, compile(locale)]))

type Filled = { action?: string; token?: string; min?: number; error?: string | undefined }

/**
 * A whole HTML document. `locale` may be any tag: the closest language that there is will be used. The form of a page
 * that asks posts `token` to `action`, that of `reset` a `new_password` too. An `error` that there are no words for
 * is told in general ones. Throws where an option is missing.
 */
export const page = <N extends PageName>(locale: string, name: N, options: PageOptions<N>): string => {
  const made = pages.get(pickLocale(locale, null))
  const { error, min, ...rest }: Filled = options
  const template = error ? (made?.get(refused(error)) ?? made?.get(refused('other'))) : made?.get(name)
  const values = min === undefined ? rest : { ...rest, min: String(min) }
  return fill(template ?? [], values, escapeHtml)
}
