import type { Deps } from '../../deps.ts'
import { createKey } from './create-key.ts'
import { SigningKeys } from './entity.ts'

/**
 * Creates a signing key if none exists. Safe to call from several processes: a unique index lets only one key have the
 * status `signing`.
 */
export const createFirstKey = async (deps: Pick<Deps, 'database' | 'secrets'>): Promise<void> => {
  const keys = deps.database.getRepository(SigningKeys)
  if (await keys.existsBy({ status: 'signing' })) return
  await keys
    .createQueryBuilder()
    .insert()
    .values({ ...createKey(deps), status: 'signing' })
    .orIgnore()
    .execute()
}
