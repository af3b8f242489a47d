import type { KeyRing, PublishedKey } from '../../platform/crypto/key-ring.ts'
import {
  importPublic,
  importSecret,
  type PublicKey,
  type SecretKey,
} from '../../platform/crypto/paseto-keys.ts'
import { unseal } from '../../platform/crypto/seal.ts'
import type { Secrets } from '../../platform/crypto/secrets.ts'
import type { Database } from '../../platform/postgres/postgres.ts'
import { SigningKeys } from './entity.ts'

type Ring = {
  signing: { kid: string; secret: SecretKey }
  known: Map<string, PublicKey>
  published: PublishedKey[]
}

/** The least time between two reads, so that an attacker who sends random key ids does not cause a query for each. */
const minRereadMs = 5000

const readRing = async (database: Database, secrets: Secrets): Promise<Ring> => {
  const rows = await database.getRepository(SigningKeys).find({ order: { created_at: 'ASC' } })
  const published = rows.filter(row => row.status !== 'retired')
  const row = published.find(({ status }) => status === 'signing')
  if (!row) throw new Error('There is no signing key. Run `npm run migrate`.')
  const secret = unseal(secrets.seal, row.sealed_secret, row.kid)
  if (!secret)
    throw new Error('The signing key cannot be decrypted: APP_SECRET is not the one that encrypted it.')
  const known = await Promise.all(
    published.map(async key => [key.kid, await importPublic(key.public_key)] as const),
  )
  return {
    signing: { kid: row.kid, secret: await importSecret(secret.toString('utf8')) },
    known: new Map(known),
    published,
  }
}

/** Reads the signing keys. Reads them again if a token names an unknown key, as another instance may have created it. */
export const openKeyRing = async (database: Database, secrets: Secrets): Promise<KeyRing> => {
  let ring = await readRing(database, secrets)
  let readAt = Date.now()
  let reading: Promise<void> | null = null

  const readAgain = async (): Promise<void> => {
    readAt = Date.now()
    ring = await readRing(database, secrets)
  }

  const findNew = async (kid: string): Promise<PublicKey | null> => {
    if (reading || Date.now() - readAt > minRereadMs) {
      reading ??= readAgain().finally(() => {
        reading = null
      })
      await reading
    }
    return ring.known.get(kid) ?? null
  }

  return {
    signing: () => ring.signing,
    published: () => ring.published,
    find: kid => ring.known.get(kid) ?? findNew(kid),
  }
}
