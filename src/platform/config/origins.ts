// The origin of a page (RFC 6454): `https://app.example.com`, `capacitor://localhost`, `chrome-extension://<id>`. It is
// kept as browsers send it, in lower case and without the default port, so that it is compared as it is.

/** Schemes whose pages have the opaque origin `null`, or that no page has. */
const withoutOrigin = ['file', 'data', 'blob', 'about', 'javascript', 'ws', 'wss', 'ftp', 'filesystem']

const shape = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\\\s*]+)\/?$/i
// What the URL standard calls an opaque host is not parsed any further.
const authority = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i

/** The origin that a text names; null for `*`, `null`, and whatever has a path, credentials or a wildcard. */
export const parseOrigin = (text: string): string | null => {
  const [, scheme = '', rest = ''] = shape.exec(text) ?? []
  const name = scheme.toLowerCase()
  if (name === '' || withoutOrigin.includes(name)) return null
  if (name === 'http' || name === 'https') return URL.parse(text)?.origin ?? null
  const found = authority.exec(rest)
  return found && Number(found[1] ?? 0) <= 65_535 ? `${name}://${rest.toLowerCase()}` : null
}

/**
 * Whether the `Origin` of a request is one of these. Browsers send web origins in one form. Of other schemes some send the
 * host as it was registered, so there its case does not count.
 */
export const isOneOf = (origins: readonly string[], origin: string): boolean =>
  origins.includes(origin) || (!/^https?:/i.test(origin) && origins.includes(origin.toLowerCase()))
