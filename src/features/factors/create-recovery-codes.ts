import { randomBytes } from 'node:crypto'
import type { EntityManager } from 'typeorm'
import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import { seal } from '../../platform/crypto/seal.ts'
import { Factors } from './entity.ts'
import { newRecoveryCodes, recoveryCodeHash, recoveryCodesName } from './recovery-codes.ts'

/**
 * Creates the recovery codes of a user who has none. The codes are returned here and stored nowhere.
 *
 * Each set has a key of its own for the hashes. The key is sealed, so that codes outlive a change of APP_SECRET.
 */
export const createRecoveryCodes = async (
  manager: EntityManager,
  { secrets }: Pick<Deps, 'secrets'>,
  userId: string,
): Promise<{ factorId: string; codes: string[] }> => {
  const id = uuid()
  const key = randomBytes(32)
  const codes = newRecoveryCodes()
  await manager.insert(Factors, {
    ...{ id, user_id: userId, type: 'recovery_codes', name: recoveryCodesName },
    sealed_secret: seal(secrets, key, id),
    confirmed_at: () => 'clock_timestamp()',
  })
  await manager.query('INSERT INTO recovery_codes (factor_id, hash) SELECT $1, unnest($2::text[])', [
    id,
    codes.map(code => recoveryCodeHash(key, code)),
  ])
  return { factorId: id, codes }
}
