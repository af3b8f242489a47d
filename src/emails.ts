import type { EmailDefinition } from './platform/catalog/email-definition.ts'
import { emails } from './platform/catalog/emails.ts'
import { shopEmails } from './shop/emails.ts'

/** Every email of the service: those of the core, and those of its modules. */
export const allEmails: readonly EmailDefinition[] = [...Object.values(emails), ...Object.values(shopEmails)]
