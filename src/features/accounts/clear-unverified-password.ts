import type { EntityManager } from 'typeorm'
import { NIL as noAccount } from 'uuid'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import type { FactorType } from '../../platform/catalog/factors.ts'
import { ArrayContains, Equal, IsNull, Not } from '../../platform/postgres/typeorm.ts'
import { removeUnprovenFactors } from '../factors/remove-unproven-factors.ts'
import { type User, Users } from '../users/entity.ts'

type Registration = {
  email: string
  /** The account of this registration. */
  exceptId: string | null
  origin: Origin
}

/**
 * Deletes the password and the factors of an unverified account when its address is registered again. Otherwise an attacker who registered
 * the address first would know the password of an account that its owner then verifies. Returns the id of that account:
 * its sessions have ended.
 *
 * An administrator keeps both, because the operator set the password: an attacker must not be able to delete it by a
 * registration.
 */
export const clearUnverifiedPassword = async (
  manager: EntityManager,
  deps: Pick<Deps, 'emails' | 'metrics'>,
  { email, exceptId, origin }: Registration,
): Promise<string | null> => {
  const unverified = {
    email,
    email_verified: false,
    roles: Not(ArrayContains(['admin'])),
    ...(exceptId && { id: Not(exceptId) }),
  }
  const claims = [
    { ...unverified, password_hash: Not(IsNull()) },
    { ...unverified, factor_types: Not(Equal<FactorType[]>([])) },
  ]
  const { raw } = await manager
    .createQueryBuilder()
    .update(Users)
    .set({ password_hash: null, session_epoch: () => 'session_epoch + 1', updated_at: () => 'now()' })
    .where(claims)
    .returning('id')
    .execute()
  const id = (raw[0] as Pick<User, 'id'> | undefined)?.id ?? null
  // Also without such an account, so that the time of the reply does not tell whether there was one.
  await removeUnprovenFactors(manager, deps, { id: id ?? noAccount, email }, origin)
  return id
}
