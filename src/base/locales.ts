import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { partsOf, trimSpaces } from './header-text.ts'

// A language is added by adding a folder to `templates/`: this is the one place that lists them.

/** The folder of the words and templates, as an absolute path. */
export const templates = join(import.meta.dirname, '../../templates')

/** The languages that there are words for, as BCP 47 tags. */
export const locales: readonly string[] = readdirSync(templates, { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .map(entry => entry.name)
  .sort()

const fallback = 'en'
if (!locales.includes(fallback)) throw new Error(`${templates} has no folder "${fallback}"`)

const available = new Map(locales.map(locale => [locale.toLowerCase(), locale]))
const tag = /^[a-z\d-]{1,35}$/
const quality = /^q=([01](?:\.\d{0,3})?)$/
const longestHeader = 512

// RFC 4647, 3.4: `es-Latn-MX`, then `es-Latn`, then `es`.
const lookup = (range: string): string | undefined => {
  let rest = trimSpaces(range).toLowerCase().replaceAll('_', '-')
  if (!tag.test(rest)) return
  while (rest) {
    const found = available.get(rest)
    if (found) return found
    rest = rest.slice(0, Math.max(rest.lastIndexOf('-'), 0))
  }
}

const parseRange = (part: string) => {
  const [range = '', ...parameters] = partsOf(part, ';')
  const weight = parameters[0]
  if (weight === undefined) return { range, q: 1 }
  return { range, q: Number(quality.exec(weight.toLowerCase())?.[1] ?? 0) }
}

/**
 * The best language for a reader: the preferred one, else the best of `Accept-Language` (RFC 9110, 12.5.4),
 * else English. Takes whatever a stranger sends: never throws, and looks at no more than 512 characters.
 */
export const pickLocale = (
  preferred: string | null | undefined,
  acceptLanguage: string | null | undefined,
): string => {
  const wanted = preferred && preferred.length <= longestHeader ? lookup(preferred) : undefined
  if (wanted) return wanted
  if (!acceptLanguage || acceptLanguage.length > longestHeader) return fallback
  const ranges = acceptLanguage
    .split(',')
    .map(parseRange)
    .filter(({ q }) => q > 0)
    .sort((a, b) => b.q - a.q)
  for (const { range } of ranges) {
    const found = lookup(range)
    if (found) return found
  }
  return fallback
}

const directions = new Map(
  locales.map(locale => [locale, new Intl.Locale(locale).getTextInfo().direction === 'rtl' ? 'rtl' : 'ltr']),
) as ReadonlyMap<string, 'ltr' | 'rtl'>

/** The writing direction of one of `locales`. */
export const direction = (locale: string): 'ltr' | 'rtl' => directions.get(locale) ?? 'ltr'
