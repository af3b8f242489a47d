import type { Deps } from '../../deps.ts'
import type { PublishedKey } from '../../platform/crypto/key-ring.ts'
import {
  importPublic,
  importSecret,
  type PublicKey,
  type SecretKey,
} from '../../platform/crypto/paseto-keys.ts'
import { unseal } from '../../platform/crypto/seal.ts'
import type { Secrets } from '../../platform/crypto/secrets.ts'
import type { SigningKeyRow } from './entity.ts'

/** What a process knows of the keys. `fault` says why it cannot sign with the key that signs. */
export type Ring = {
  signing: { kid: string; secret: SecretKey } | null
  known: Map<string, PublicKey>
  published: PublishedKey[]
  fault: string | null
}

const cannotOpen = (kid: string, { all }: Secrets): string => {
  const sealed =
    all.length === 1 ? 'APP_SECRET did not' : `none of the ${all.length} secrets of APP_SECRET did`
  return [
    `The signing key ${kid} cannot be decrypted: ${sealed} encrypt it.`,
    'Add the secret that did to the end of APP_SECRET, after a comma.',
    'A comma that belongs to a secret is written as \\, and a line break at its end counts.',
    'If that secret is lost, see docs/change-app-secret.md.',
  ].join(' ')
}

/**
 * The keys of these rows. Keys that `previous` holds are taken from it: the cache of verified tokens compares them by
 * identity.
 *
 * If the key that signs cannot be decrypted, the one before signs as long as it is published. A wrong `APP_SECRET` then
 * stops no process that already runs.
 */
export const buildRing = (
  rows: readonly SigningKeyRow[],
  previous: Ring | null,
  { secrets }: Pick<Deps, 'secrets'>,
): Ring => {
  const known = new Map(
    rows.map(({ kid, public_key }) => [kid, previous?.known.get(kid) ?? importPublic(public_key)]),
  )
  const published = rows.map(({ kid, public_key, status, not_before, not_after }) => ({
    ...{ kid, public_key, status, not_before, not_after },
  }))
  const last = previous?.signing && known.has(previous.signing.kid) ? previous.signing : null
  const row = rows.find(({ status }) => status === 'signing')
  if (!row)
    return { known, published, signing: last, fault: 'There is no signing key. Run `npm run migrate`.' }
  if (row.kid === last?.kid) return { known, published, signing: last, fault: null }
  const secret = unseal(secrets, row.sealed_secret ?? '', row.kid)
  if (!secret) return { known, published, signing: last, fault: cannotOpen(row.kid, secrets) }
  const signing = { kid: row.kid, secret: importSecret(secret.toString('utf8')) }
  return { known, published, signing, fault: null }
}
