import { generateKey } from '../../platform/crypto/paseto-keys.ts'
import { seal } from '../../platform/crypto/seal.ts'
import type { Secrets } from '../../platform/crypto/secrets.ts'
import type { Database } from '../../platform/postgres/postgres.ts'
import { SigningKeys } from './entity.ts'

/**
 * Creates a signing key if none exists. Safe to call from several processes: a unique index lets only one key have the
 * status `signing`.
 */
export const createFirstKey = async (deps: { database: Database; secrets: Secrets }): Promise<void> => {
  const keys = deps.database.getRepository(SigningKeys)
  if (await keys.existsBy({ status: 'signing' })) return
  const { kid, paserkPublic, paserkSecret } = await generateKey()
  await keys
    .createQueryBuilder()
    .insert()
    .values({
      kid,
      public_key: paserkPublic,
      sealed_secret: seal(deps.secrets.seal, Buffer.from(paserkSecret), kid),
      status: 'signing',
    })
    .orIgnore()
    .execute()
}
