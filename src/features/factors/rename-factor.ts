import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { changesOf } from '../audit/changes.ts'
import { recordEvent } from '../audit/record-event.ts'
import type { User } from '../users/types.ts'
import { Factors } from './entity.ts'
import { findFactor } from './factor-store.ts'
import { lockSessionOwner } from './lock-session-owner.ts'
import type { Factor } from './types.ts'

type Renaming = { user: User; sessionId: string; id: string; name: string; origin: Origin }

/** Renames a factor of a user. */
export const renameFactor = (
  deps: Pick<Deps, 'clock' | 'database' | 'keys' | 'reads' | 'redis'>,
  { user, sessionId, id, name, origin }: Renaming,
): Promise<Factor | Problem<'FORBIDDEN' | 'NOT_FOUND' | 'SESSION_REVOKED'>> =>
  deps.database.transaction(async manager => {
    if (!(await lockSessionOwner(manager, deps, { user, sessionId }))) return new Problem('SESSION_REVOKED')
    const factor = await findFactor(manager, user.id, id)
    if (!factor) return new Problem('NOT_FOUND')
    if (factor.type === 'recovery_codes') return new Problem('FORBIDDEN', { detail: 'recovery_codes' })
    const renamed = { ...factor, name }
    await manager.update(Factors, { id }, { name })
    const data = { factor_id: id, ...changesOf(factor, renamed, ['name']) }
    await recordEvent(manager, { type: 'factor.renamed', userId: user.id, sessionId, origin, data })
    return renamed
  })
