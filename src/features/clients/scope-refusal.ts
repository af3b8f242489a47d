import { insufficientScope } from '../../platform/catalog/challenges.ts'
import type { Problem } from '../../platform/catalog/problems.ts'
import type { Machine } from './types.ts'

/**
 * Refuses a machine client that manages a client with scopes that it lacks itself. With a new secret of a stronger client it
 * could act as that client, and by dropping its secrets it could stop it. An administrator may do all of this.
 */
export const scopeRefusal = (
  machine: Machine | null,
  scopes: readonly string[],
): Problem<'INSUFFICIENT_SCOPE'> | null => {
  const missing = machine ? scopes.filter(scope => !machine.scopes.includes(scope)) : []
  return missing.length > 0 ? insufficientScope(missing) : null
}
