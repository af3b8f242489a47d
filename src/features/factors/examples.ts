import { example } from '../../platform/catalog/examples.ts'
import type { FactorReply } from './schemas.ts'

export const totpExample: FactorReply = {
  id: '019a5f85-0c1e-7b60-a4f2-6d1b93c7e802',
  type: 'totp',
  name: 'Phone',
  created_at: example.time,
  last_used_at: null,
}

export const recoveryCodesFactorExample: FactorReply = {
  id: '019a5f85-9d47-7e13-b0c8-41f7a2d65e90',
  type: 'recovery_codes',
  name: 'Recovery codes',
  created_at: example.time,
  last_used_at: null,
  remaining: 10,
}

export const recoveryCodesExample = ['4f7gk-9m2xw-b8hqd', '0c5tv-n1yzr-6jw3p']
