import type { Deps } from '../../deps.ts'
import type { PasswordKind } from '../base/password-policy.ts'
import { brandValues, linkSupport } from '../theme/brand-values.ts'
import { direction } from '../theme/locales.ts'
import {
  compileTemplate,
  escapeHtml,
  fillTemplate,
  insertWordsInMarkup,
  type Template,
  type Values,
} from '../theme/template.ts'
import type { Theme } from '../theme/theme.ts'
import { timesIn } from '../theme/times.ts'
import { bodyOf, hasScript, type PageName, type PageOptions, type Variant } from './page-bodies.ts'
import { brandHeader } from './page-header.ts'
import { pagePolicy } from './page-policy.ts'
import { showPasswordScript } from './page-script.ts'
import { pageStyle } from './page-style.ts'
import { kindsIn, passwordRules } from './password-hint.ts'

// The pages behind the links of emails. They load only the logo of the brand, so their policy is `default-src 'none'` with
// the hashes of the style sheet and, on a password page, of the script. They send no referrer, because their address can
// contain a token.

const footer = ({ brand }: Theme): string => {
  const lines = [
    ...(brand.supportEmail ? ['<p>{{t.support}}</p>'] : []),
    ...(brand.address ? ['<p><bdi>{{brand_address}}</bdi></p>'] : []),
  ]
  return lines.length > 0 ? `\n<footer>\n${lines.join('\n')}\n</footer>` : ''
}

const documentOf = (theme: Theme, name: PageName, variant: Variant): string => `<!doctype html>
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
${brandHeader(theme)}
${bodyOf(name, variant)}
</main>${footer(theme)}
${hasScript(name) ? `<script>${showPasswordScript}</script>\n` : ''}</body>
</html>
`

const wordsOf = ({ templates }: Theme, locale: string): Values => ({
  ...templates.words(locale, 'layout'),
  ...templates.words(locale, 'pages'),
})

const compile = (theme: Theme, locale: string, name: PageName, variant: Variant): Template => {
  const words = { ...wordsOf(theme, locale), locale, dir: direction(locale) }
  return compileTemplate(linkSupport(insertWordsInMarkup(documentOf(theme, name, variant), words)))
}

const cache = new WeakMap<Theme, Map<string, Template>>()

// Templates have no conditions, so each variant of a page is compiled separately, when it is first shown.
const compiled = (theme: Theme, locale: string, name: PageName, variant: Variant): Template => {
  const templates = cache.get(theme) ?? new Map<string, Template>()
  cache.set(theme, templates)
  const key = [locale, name, ...Object.values(variant)].join(' ')
  const template = templates.get(key) ?? compile(theme, locale, name, variant)
  templates.set(key, template)
  return template
}

/** The error of a form, or `other` if there are no words for it. */
const knownError = (words: Values, error: string | undefined): string | null => {
  if (!error) return null
  return Object.hasOwn(words, `error_${error}`) ? error : 'other'
}

type AllOptions = {
  action?: string
  token?: string
  username?: string
  min?: number
  kinds?: readonly PasswordKind[]
  error?: string | undefined
  other_action?: string
  time?: Date
  ip?: string
  device?: string
  account?: string
}

/**
 * An HTML document and its Content-Security-Policy. `locale` may be any language tag: the closest available language is
 * used. The form of a page with an `action` posts `token`, and that of `reset` also `new_password`. Throws if an option is
 * missing.
 */
export const page = <N extends PageName>(
  { config, theme }: Pick<Deps, 'theme'> & { config: Pick<Deps['config'], 'FRONTEND_URL'> },
  locale: string,
  name: N,
  options: PageOptions<N>,
): { html: string; csp: string } => {
  const { error, min, kinds, time, ip, device, ...rest }: AllOptions = options
  const language = theme.templates.locales.pick(locale, null)
  const words = wordsOf(theme, language)
  const template = compiled(theme, language, name, {
    error: knownError(words, error),
    hasFrontend: config.FRONTEND_URL !== undefined,
    hasKinds: kinds !== undefined && kinds.length > 0,
  })
  const values = {
    ...rest,
    ...(time && { time: timesIn(language).format(time) }),
    ...(ip !== undefined && { ip: ip || words.unknown }),
    ...(device !== undefined && { device: device || words.unknown }),
    ...(min !== undefined && { min: String(min) }),
    ...(kinds && { kinds: kindsIn(language, words, kinds) }),
    ...(kinds && min !== undefined && { rules: passwordRules(min, kinds) }),
    frontend: config.FRONTEND_URL ?? '',
    ...brandValues(theme.brand),
  }
  const script = hasScript(name) ? showPasswordScript : null
  return { html: fillTemplate(template, values, escapeHtml), csp: pagePolicy({ config, theme, script }) }
}
