import { EntitySchema } from '../../platform/postgres/typeorm.ts'
import type { Revocation } from './types.ts'

export const Revocations = new EntitySchema<Revocation>({
  name: 'Revocation',
  tableName: 'revocations',
  columns: {
    id: { type: 'uuid', primary: true, default: () => 'gen_random_uuid()' },
    sub: { type: 'text' },
    session_id: { type: 'uuid', nullable: true },
    epoch: { type: 'integer', nullable: true },
    at: { type: 'timestamptz', default: () => 'clock_timestamp()' },
    is_listed: { type: 'boolean', default: false },
    is_settled: { type: 'boolean', default: false },
  },
})
