type Fields = Readonly<Record<string, unknown>>

/**
 * What an event tells beyond its type: of a change the fields that differ, `before` and `after` it. Secrets are never part
 * of it, nor hashes of them.
 */
export type AuditData = Fields & { before?: Fields; after?: Fields }

/** The named fields that differ between two states of one thing. A change that touches none of them has empty fields. */
export const changesOf = <T extends object>(
  before: T,
  after: T,
  names: readonly (keyof T & string)[],
): { before: Fields; after: Fields } => {
  const differing = names.filter(name => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
  const of = (state: T): Fields => Object.fromEntries(differing.map(name => [name, state[name]]))
  return { before: of(before), after: of(after) }
}
