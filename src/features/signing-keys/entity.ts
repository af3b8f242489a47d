import { EntitySchema } from 'typeorm'
import type { PublishedKey } from '../../platform/crypto/key-ring.ts'

export type SigningKeyRow = PublishedKey & {
  /** The PASERK secret key, encrypted with a key derived from APP_SECRET. */
  sealed_secret: string
  created_at: Date
}

export const SigningKeys = new EntitySchema<SigningKeyRow>({
  name: 'SigningKey',
  tableName: 'signing_keys',
  columns: {
    kid: { type: 'text', primary: true },
    public_key: { type: 'text' },
    sealed_secret: { type: 'text' },
    status: { type: 'text' },
    not_before: { type: 'timestamptz', default: () => 'now()' },
    not_after: { type: 'timestamptz', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
  },
})
