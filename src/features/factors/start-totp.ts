import type { EntityManager } from 'typeorm'
import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { seal } from '../../platform/crypto/seal.ts'
import { putChallenge } from '../challenges/store.ts'
import type { User } from '../users/types.ts'
import { Factors } from './entity.ts'
import { countFactors } from './factor-store.ts'
import { lockSessionOwner } from './lock-session-owner.ts'
import { describeSeed, maxTotpFactors, newSeed, pendingTotpLife, totpChallenge } from './totp.ts'
import { deletePendingTotp } from './totp-store.ts'

type Needs = Parameters<typeof lockSessionOwner>[1] & Pick<Deps, 'config' | 'database' | 'secrets'>
type Started = { id: string } & Awaited<ReturnType<typeof describeSeed>>

/**
 * Creates the seed of an authenticator app and returns it, the only time that it leaves the service. Nothing changes for the
 * user until a code of the app confirms it, in the same session. A seed that still waits for that is replaced.
 */
export const startTotp = async (
  deps: Needs,
  { user, sessionId }: { user: User; sessionId: string },
): Promise<Started | Problem<'FACTOR_LIMIT_REACHED' | 'SESSION_REVOKED'>> => {
  const [id, seed] = [uuid(), newSeed()]
  const described = await describeSeed(seed, { issuer: deps.config.brand.name, label: user.email })
  const refusal = await deps.database.transaction(async manager => {
    if (!(await lockSessionOwner(manager, deps, { user, sessionId }))) return new Problem('SESSION_REVOKED')
    if ((await countFactors(manager, user.id, 'totp')) >= maxTotpFactors)
      return new Problem('FACTOR_LIMIT_REACHED')
    await deletePendingTotp(manager, user.id)
    await insertPending(manager, deps, { id, userId: user.id, seed })
    return null
  })
  if (refusal) return refusal
  await putChallenge(deps, totpChallenge(id, sessionId), { user_id: user.id }, pendingTotpLife)
  return { id, ...described }
}

const insertPending = async (
  manager: EntityManager,
  { clock, secrets }: Pick<Deps, 'clock' | 'secrets'>,
  { id, userId, seed }: { id: string; userId: string; seed: Uint8Array },
): Promise<void> => {
  await manager.insert(Factors, {
    ...{ id, user_id: userId, type: 'totp', name: 'Authenticator app' },
    sealed_secret: seal(secrets, seed, id),
    created_at: new Date(now(clock)),
  })
}
