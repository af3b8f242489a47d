import { EntitySchema } from 'typeorm'

/** Published ahead of its use, signing, then kept for as long as tokens that it signed may live. */
export type KeyStatus = 'published' | 'signing' | 'retiring' | 'retired'

export type SigningKeyRow = {
  kid: string
  public_key: string
  /** The PASERK secret key, sealed under APP_SECRET. */
  sealed_secret: string
  status: KeyStatus
  not_before: Date
  not_after: Date | null
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
