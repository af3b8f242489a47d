import { EntitySchema } from '../../platform/postgres/typeorm.ts'
import type { KeyState } from './types.ts'

export type SigningKeyRow = KeyState & {
  /** The PASERK secret key, encrypted with a key derived from APP_SECRET. Null once the key is retired. */
  sealed_secret: string | null
}

export const SigningKeys = new EntitySchema<SigningKeyRow>({
  name: 'SigningKey',
  tableName: 'signing_keys',
  columns: {
    kid: { type: 'text', primary: true },
    public_key: { type: 'text' },
    sealed_secret: { type: 'text', nullable: true },
    status: { type: 'text' },
    not_before: { type: 'timestamptz', default: () => 'now()' },
    not_after: { type: 'timestamptz', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    token_life: { type: 'integer', default: 0 },
  },
})
