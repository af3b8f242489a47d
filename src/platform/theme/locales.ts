import { partsOf, trimSpaces } from '../base/header-text.ts'

const fallback = 'en'
const tag = /^[a-z\d-]{1,35}$/
const quality = /^q=([01](?:\.\d{0,3})?)$/
const longestHeader = 512

/** The languages that there are words for. */
export type Locales = {
  /** As BCP 47 tags, sorted. */
  readonly tags: readonly string[]
  /**
   * The best language for a reader: the preferred one, else the best of `Accept-Language` (RFC 9110, 12.5.4),
   * else English. The input may come from an attacker: it never throws, and reads at most 512 characters.
   */
  pick: (preferred: string | null | undefined, acceptLanguage: string | null | undefined) => string
}

const parseRange = (part: string) => {
  const [range = '', ...parameters] = partsOf(part, ';')
  const weight = parameters[0]
  if (weight === undefined) return { range, q: 1 }
  return { range, q: Number(quality.exec(weight.toLowerCase())?.[1] ?? 0) }
}

/** Languages to pick from. English must be one of them. */
export const openLocales = (tags: readonly string[]): Locales => {
  const available = new Map(tags.map(locale => [locale.toLowerCase(), locale]))

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

  const pick: Locales['pick'] = (preferred, acceptLanguage) => {
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

  return { tags: [...tags].sort(), pick }
}

/** The writing direction of a language. */
export const direction = (locale: string): 'ltr' | 'rtl' =>
  new Intl.Locale(locale).getTextInfo().direction === 'rtl' ? 'rtl' : 'ltr'
