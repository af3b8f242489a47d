import type { Deps } from '../../deps.ts'
import { generateKey } from '../../platform/crypto/paseto-keys.ts'
import { seal } from '../../platform/crypto/seal.ts'

/** Makes a new key, sealed, as the columns of its row. */
export const createKey = ({
  secrets,
}: Pick<Deps, 'secrets'>): { kid: string; public_key: string; sealed_secret: string } => {
  const { kid, paserkPublic, paserkSecret } = generateKey()
  const sealed = seal(secrets, Buffer.from(paserkSecret), kid)
  return { kid, public_key: paserkPublic, sealed_secret: sealed }
}
