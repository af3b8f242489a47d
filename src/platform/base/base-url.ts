/**
 * The canonical form of an http(s) address that may have a path, without trailing slashes. Null for any other text, and for
 * an address with a query, a fragment or credentials.
 */
export const canonicalBaseUrl = (text: string): string | null => {
  const parsed = URL.canParse(text) ? new URL(text) : null
  if (!parsed || !/^https?:$/.test(parsed.protocol) || /[?#\s]/.test(text)) return null
  return parsed.username || parsed.password ? null : (parsed.origin + parsed.pathname).replace(/\/+$/, '')
}
