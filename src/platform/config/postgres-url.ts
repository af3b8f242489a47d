import {
  knownParameters,
  oneHost,
  type Part,
  type PostgresAddress,
  type PostgresUrlError,
  parameters,
} from './postgres-parameters.ts'

// The forms of a Postgres URL: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS.
// The driver and the ORM parse a URL differently, so it is parsed here once, and both get its parts.
// An error states the rule and never quotes the text, which holds passwords.

const forms =
  'must be postgres://user:password@host:5432/database, or postgres://user:password@/database?host=/folder/of/the/socket'
const encoded = 'user, password and database must be percent-encoded'
const percent = 'must have user, password and database percent-encoded'

const shape = /^postgres(?:ql)?:\/\/(?:([^/?#\s]*)@)?([^@/?#\s]*)(?:\/([^/?#\s]*))?(?:\?([^#\s]*))?$/i
const withPort = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{0,5}))?$/

const decoded = (text: string): string | null => {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

const endpointOf = (at: string): Part => {
  if (at.includes(',')) return { error: oneHost }
  const [found, name = '', port = ''] = withPort.exec(at) ?? []
  const host = decoded(name.replace(/^\[(.*)\]$/, '$1'))
  if (found === undefined || host === null || /[\s[\]]/.test(host) || Number(port) > 65_535)
    return { error: forms }
  return { take: { ...(host && { host }), ...(Number(port) > 0 && { port: Number(port) }) } }
}

const ownerOf = (owner = '', path = ''): Part => {
  const colon = owner.indexOf(':')
  const user = decoded(colon < 0 ? owner : owner.slice(0, colon))
  const password = decoded(colon < 0 ? '' : owner.slice(colon + 1))
  const database = decoded(path)
  if (user === null || password === null || database === null) return { error: percent }
  return { take: { ...(user && { user }), ...(password && { password }), ...(database && { database }) } }
}

const tlsOf = (address: PostgresAddress, isLibpq: boolean): PostgresAddress => {
  // A Unix socket leads to this machine. libpq ignores sslmode there too.
  if (address.host?.startsWith('/')) return { tls: 'off' }
  const { tls, rootCertificate, certificate, directTls } = address
  if (isLibpq) return { tls: rootCertificate ? 'authority' : 'unverified' }
  // Anyone can get a certificate of a public authority. It proves only the host name, so that must be checked.
  if (tls === 'authority' && !rootCertificate) return { tls: 'full' }
  return !tls && (rootCertificate || certificate || directTls) ? { tls: 'full' } : {}
}

/** Parses a Postgres URL, or returns the rule that it breaks. */
export const parsePostgresUrl = (url: string): PostgresAddress | PostgresUrlError => {
  const [found, owner, at = '', path, query = ''] = shape.exec(url) ?? []
  // An unencoded `/`, `?` or `#` in a password ends the part before the host.
  if (found === undefined) return { error: url.includes('@') ? `${forms}; ${encoded}` : forms }
  const given = Object.fromEntries(new URLSearchParams(query))
  const address: PostgresAddress = {}
  const parts = [endpointOf(at), ownerOf(owner, path)]
  for (const [name, value] of Object.entries(given)) {
    const read = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (!read) return { error: knownParameters }
    if (value !== '') parts.push(read(value))
  }
  for (const part of parts) {
    if ('error' in part) return part
    Object.assign(address, part.take)
  }
  const isLibpq = given.uselibpqcompat === 'true' && given.sslmode === 'require'
  return { ...address, ...tlsOf(address, isLibpq) }
}
