import { EntitySchema } from '../../platform/postgres/typeorm.ts'
import type { Factor, RecoveryCode } from './types.ts'

export const Factors = new EntitySchema<Factor>({
  name: 'Factor',
  tableName: 'factors',
  columns: {
    id: { type: 'uuid', primary: true },
    user_id: { type: 'uuid' },
    type: { type: 'text' },
    name: { type: 'text' },
    sealed_secret: { type: 'text', nullable: true },
    last_step: { type: 'bigint', nullable: true },
    credential_id: { type: 'text', nullable: true },
    public_key: { type: 'text', nullable: true },
    sign_count: { type: 'bigint', nullable: true },
    transports: { type: 'text', array: true, nullable: true },
    aaguid: { type: 'uuid', nullable: true },
    user_verifying: { type: 'boolean', nullable: true },
    backup_eligible: { type: 'boolean', nullable: true },
    backed_up: { type: 'boolean', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'clock_timestamp()' },
    confirmed_at: { type: 'timestamptz', nullable: true },
    last_used_at: { type: 'timestamptz', nullable: true },
    removed_at: { type: 'timestamptz', nullable: true },
  },
})

export const RecoveryCodes = new EntitySchema<RecoveryCode>({
  name: 'RecoveryCode',
  tableName: 'recovery_codes',
  columns: {
    factor_id: { type: 'uuid', primary: true },
    /** Keyed by the sealed secret of the factor. */
    hash: { type: 'text', primary: true },
    used_at: { type: 'timestamptz', nullable: true },
  },
})
