/** The headers of a reply with the interface of `Headers`, without loading `fetch`. */
export type ReplyHeaders = Iterable<[name: string, value: string]> & {
  get: (name: string) => string | null
  keys: () => Iterable<string>
  getSetCookie: () => string[]
}

/** Parses alternating names and values, as in Node's `rawHeaders`. Values of the same name are joined by a comma. */
export const readHeaders = (raw: readonly string[]): ReplyHeaders => {
  const values = new Map<string, string[]>()
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    values.set(name, [...(values.get(name) ?? []), raw[i + 1] ?? ''])
  }
  const names = [...values.keys()].sort()
  const get = (name: string) => values.get(name.toLowerCase())?.join(', ') ?? null
  return {
    get,
    keys: () => names,
    getSetCookie: () => values.get('set-cookie') ?? [],
    *[Symbol.iterator]() {
      for (const name of names) yield [name, get(name) ?? ''] as [string, string]
    },
  }
}
