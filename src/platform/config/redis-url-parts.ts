// The parts that all forms of REDIS_URL share. Each parser returns null for an invalid text.

export type Host = { host: string; port: number }
/** A Unix socket. */
export type Socket = { path: string }

/** Parses `host`, `host:port` or `[ipv6]:port`. */
export const hostOf = (text: string, defaultPort: number): Host | null => {
  const found = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(text.trim())
  const port = Number(found?.[3] ?? defaultPort)
  return found && port > 0 && port < 65536 ? { host: found[1] ?? found[2] ?? '', port } : null
}

/** Parses hosts that are separated by commas. */
export const hostsOf = (text: string, defaultPort: number): Host[] | null => {
  const hosts = text.split(',').map(each => hostOf(each, defaultPort))
  return hosts.every(host => host !== null) ? hosts : null
}

/** Parses the number of a database. An empty text is 0. */
export const databaseOf = (text: string): number | null => (/^\d{0,5}$/.test(text) ? Number(text) : null)

/** Decodes percent-encoded text. */
export const decoded = (text: string): string | null => {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** Parses `user:password`, `user` or `:password`, each percent-encoded. Without text there are no credentials. */
export const userOf = (text: string | undefined): { username?: string; password?: string } | null => {
  if (!text) return {}
  const colon = text.indexOf(':')
  const username = decoded(colon < 0 ? text : text.slice(0, colon))
  const password = decoded(colon < 0 ? '' : text.slice(colon + 1))
  if (username === null || password === null) return null
  return username ? { username, password } : { password }
}

// There is no standard URL for a Redis on a Unix socket. Most clients write `unix://`.
const socket =
  /^(?:unix|redis\+(?:unix|socket)):\/\/(?:([^/?#\s]*)@)?(\/[^?#\s%]+)(?:\?(?:db|database)=(\d{1,5}))?$/

/** The parts of the URL of a Unix socket. `user` is still percent-encoded. */
export const readSocket = (text: string): { user: string | undefined; path: string; db: number } | null => {
  const [found, user, path = '', db = '0'] = socket.exec(text) ?? []
  return found ? { user, path, db: Number(db) } : null
}
