import { auditEvents } from './audit-events.ts'
import { emails } from './emails.ts'
import { limits } from './limits.ts'
import { counters } from './metrics.ts'
import { problems } from './problems.ts'
import { scopes } from './scopes.ts'

/** Everything public that the core declares. Other modules bring their own. */
export const coreCatalogue = {
  problems: Object.values(problems),
  limits: Object.values(limits),
  emails: Object.values(emails),
  counters: Object.values(counters),
  auditEvents,
  scopes,
}
