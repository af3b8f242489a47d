/** Shows which scopes Latchkey does not know, because a misspelled one is taken for a scope of another service. */
export const scopeLines = (scopes: readonly string[], known: Readonly<Record<string, string>>): string =>
  [
    ['Scopes of Latchkey', scopes.filter(scope => Object.hasOwn(known, scope))] as const,
    ['Scopes of your own services', scopes.filter(scope => !Object.hasOwn(known, scope))] as const,
  ]
    .filter(([, each]) => each.length > 0)
    .map(([title, each]) => `${title}: ${each.join(' ')}\n`)
    .join('')
