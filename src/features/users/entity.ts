import { EntitySchema } from '../../platform/postgres/typeorm.ts'
import type { User } from './types.ts'

export type { User }

export const Users = new EntitySchema<User>({
  name: 'User',
  tableName: 'users',
  columns: {
    id: { type: 'uuid', primary: true },
    email: { type: 'text' },
    email_verified: { type: 'boolean', default: false },
    password_hash: { type: 'text', nullable: true },
    full_name: { type: 'text', nullable: true },
    phone: { type: 'text', nullable: true },
    address: { type: 'text', nullable: true },
    preferred_language: { type: 'text', nullable: true },
    picture_url: { type: 'text', nullable: true },
    roles: { type: 'text', array: true, default: ['user'] },
    is_active: { type: 'boolean', default: true },
    factor_types: { type: 'text', array: true, default: [] },
    session_epoch: { type: 'integer', default: 0 },
    failed_logins: { type: 'integer', default: 0 },
    erase_after: { type: 'timestamptz', nullable: true },
    last_login_at: { type: 'timestamptz', nullable: true },
    last_password_change_at: { type: 'timestamptz', nullable: true },
    password_proven_at: { type: 'timestamptz', nullable: true },
    created_at: { type: 'timestamptz', default: () => 'now()' },
    updated_at: { type: 'timestamptz', default: () => 'now()' },
  },
  uniques: [{ name: 'users_email_key', columns: ['email'] }],
})
