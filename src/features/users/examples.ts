import { example } from '../../platform/catalog/examples.ts'
import type { UserReply } from './schemas.ts'

export const userExample: UserReply = {
  id: example.id,
  email: example.email,
  email_verified: true,
  full_name: example.fullName,
  phone: example.phone,
  address: example.address,
  preferred_language: 'en',
  picture_url: 'https://example.com/ada.png',
  roles: ['user'],
  is_active: true,
  mfa_enabled: false,
  last_login_at: example.time,
  last_password_change_at: null,
  created_at: example.time,
  updated_at: example.time,
}
