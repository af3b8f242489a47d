import { Users } from './accounts/entity.ts'
import { AuditEvents } from './audit/entity.ts'
import { SigningKeys } from './keys/entity.ts'
import { Emails } from './mail/entity.ts'
import { Purchases, purchasesOfUser, WebhookEvents } from './purchases/entity.ts'
import { Sites } from './sites/entity.ts'

export const entities = [Users, Emails, AuditEvents, SigningKeys, Sites, Purchases, WebhookEvents]

/** What application modules hold on a user, by name: SQL that takes the id, for the export of an account. */
export const personalRows: Readonly<Record<string, string>> = { purchases: purchasesOfUser }
