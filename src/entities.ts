import { Users } from './accounts/entity.ts'
import { AuditEvents } from './audit/entity.ts'
import { SigningKeys } from './keys/entity.ts'
import { Emails } from './mail/entity.ts'

export const entities = [Users, Emails, AuditEvents, SigningKeys]
