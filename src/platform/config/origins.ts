// The origin of a page (RFC 6454): `https://app.example.com`, `capacitor://localhost`, `chrome-extension://<id>`. It is
// kept in the form that browsers send, lower case and without the default port, so that a plain comparison is enough.

/** Schemes whose pages have the opaque origin `null`, or that have no pages. */
const withoutOrigin = ['file', 'data', 'blob', 'about', 'javascript', 'ws', 'wss', 'ftp', 'filesystem']

const shape = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\\\s*]+)\/?$/i
// The URL standard does not normalise the host of other schemes (an opaque host), so it is only checked.
const authority = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i

/** The origin in a text; null for `*`, `null`, and a text with a path, credentials or a wildcard. */
export const parseOrigin = (text: string): string | null => {
  const [, scheme = '', rest = ''] = shape.exec(text) ?? []
  const name = scheme.toLowerCase()
  if (name === '' || withoutOrigin.includes(name)) return null
  if (name === 'http' || name === 'https') return URL.parse(text)?.origin ?? null
  const found = authority.exec(rest)
  return found && Number(found[1] ?? 0) <= 65_535 ? `${name}://${rest.toLowerCase()}` : null
}

/**
 * Whether the `Origin` of a request is in the list. Browsers send http and https origins in lower case. For other schemes
 * some send the host as it was registered, so its case is ignored there.
 */
export const isListedOrigin = (origins: readonly string[], origin: string): boolean =>
  origins.includes(origin) || (!/^https?:/i.test(origin) && origins.includes(origin.toLowerCase()))
