type Fields = Readonly<Record<string, unknown>>

/**
 * Details of an event. For a change, `before` and `after` hold the fields that differ. Secrets and their hashes are never
 * part of it.
 */
export type AuditData = Fields & { before?: Fields; after?: Fields }

/** Those of the named fields that differ between two states of an entity. If none differs, both objects are empty. */
export const changesOf = <T extends object>(
  before: T,
  after: T,
  names: readonly (keyof T & string)[],
): { before: Fields; after: Fields } => {
  const differing = names.filter(name => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
  const pick = (state: T): Fields => Object.fromEntries(differing.map(name => [name, state[name]]))
  return { before: pick(before), after: pick(after) }
}
