import { type Cut, cut, escapeHtml, fill, fillMarkup } from '../base/fill.ts'
import { direction } from '../base/locales.ts'
import type { Theme } from '../base/theme.ts'
import type { Deps } from '../deps.ts'
import { bodyOf, type PageName, type PageOptions } from './page-bodies.ts'
import { pagePolicy } from './page-policy.ts'
import { pageStyle } from './page-style.ts'

// The pages behind the links of mails. They hold no script and load nothing but the logo of the brand, so their policy
// can be `default-src 'none'` with the hash of the one style sheet; and they pass no referrer on, since the address of
// the first one holds a token.

const header = ({ brand }: Theme): string =>
  brand.logoUrl ? '<img src="{{logo}}" alt="{{brand}}" height="40">' : '<bdi>{{brand}}</bdi>'

const documentOf = (theme: Theme, name: PageName, error: string | null): string => `<!doctype html>
<html lang="{{t.locale}}" dir="{{t.dir}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>{{t.${name}_title}} · {{brand}}</title>
<style>${pageStyle(theme.brand)}</style>
</head>
<body>
<main>
<p class="brand">${header(theme)}</p>
${bodyOf(name, error)}
</main>
</body>
</html>
`

// Templates know no conditions, so the page of each refused password is one of its own.
const compile = (theme: Theme, locale: string, name: PageName, error: string | null): Cut => {
  const words = theme.templates.words(locale, 'pages')
  const known = error === null || Object.hasOwn(words, `error_${error}`) ? error : 'other'
  const all = { ...words, locale, dir: direction(locale) }
  return cut(fillMarkup(documentOf(theme, name, known), all))
}

const cache = new WeakMap<Theme, Map<string, Cut>>()

const compiled = (theme: Theme, locale: string, name: PageName, error: string | null): Cut => {
  const ofTheme = cache.get(theme) ?? new Map<string, Cut>()
  cache.set(theme, ofTheme)
  const key = `${locale} ${name} ${error}`
  const made = ofTheme.get(key) ?? compile(theme, locale, name, error)
  ofTheme.set(key, made)
  return made
}

type Filled = { action?: string; token?: string; min?: number; error?: string | undefined }

/**
 * A whole HTML document, and its policy. `locale` may be any tag: the closest language that there is will be used. The
 * form of a page that asks posts `token` to `action`, that of `reset` a `new_password` too. An `error` that there are no
 * words for is told in general ones. Throws where an option is missing.
 */
export const page = <N extends PageName>(
  { config, theme }: Pick<Deps, 'theme'> & { config: Pick<Deps['config'], 'FRONTEND_URL'> },
  locale: string,
  name: N,
  options: PageOptions<N>,
): { html: string; csp: string } => {
  const { error, min, ...rest }: Filled = options
  const { brand, templates } = theme
  const template = compiled(theme, templates.locales.pick(locale, null), name, error ?? null)
  const values = {
    ...rest,
    ...(min !== undefined && { min: String(min) }),
    ...{ brand: brand.name, logo: brand.logoUrl ?? '' },
  }
  return { html: fill(template, values, escapeHtml), csp: pagePolicy({ config, theme }) }
}
