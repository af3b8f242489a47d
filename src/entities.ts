import { AuditEvents } from './features/audit/entity.ts'
import { SigningKeys } from './features/signing-keys/entity.ts'
import { Users } from './features/users/entity.ts'
import { Emails } from './platform/mail/entity.ts'
import { Purchases, purchaseRows, WebhookEvents } from './shop/purchases/entity.ts'
import { Sites } from './shop/sites/entity.ts'

export const entities = [Users, Emails, AuditEvents, SigningKeys, Sites, Purchases, WebhookEvents]

/** What an application module holds on users, as SQL for the flows of the core. All but `list` are updates of rows with ids. */
export type ModuleRows = {
  /** The rows of a user ($1), for the export of an account. */
  list: string
  /** Gives a user ($1) the rows that wait for the owner of a mailbox ($2). */
  claim: string
  /** Lets what a user ($1) got by a mailbox ($2) wait for the owner of that mailbox again. */
  release: string
  /** Gives the rows of a user ($1) to another one ($2). */
  move: string
}

/** By the name of the module. */
export const moduleRows: Readonly<Record<string, ModuleRows>> = { purchases: purchaseRows }
