import { In, IsNull, Not } from 'typeorm'
import { type AuditEvent, AuditEvents } from '../audit/entity.ts'
import { recordEvent } from '../audit/record-event.ts'
import { mailboxKinds } from '../base/emails.ts'
import type { Deps } from '../deps.ts'
import { moduleRows } from '../entities.ts'
import { type Email, Emails } from '../mail/entity.ts'
import { isMailboxOwned } from '../proofs/rules.ts'
import { listSessions } from '../sessions/list-sessions.ts'
import type { Origin } from '../sessions/start-session.ts'
import type { User } from './entity.ts'
import { userView } from './rules.ts'

// Some mails are asked for by address alone.
const mailsOf = (user: User) => [
  { user_id: user.id },
  {
    user_id: IsNull(),
    recipient: user.email,
    ...(!isMailboxOwned(user) && { kind: Not(In(mailboxKinds)) }),
  },
]

const most = 5000

// Whether a mail to a new address was sent would tell whether somebody has that address.
const mailView = ({ kind, recipient, status, created_at, sent_at }: Email) => ({
  kind,
  recipient,
  status: kind === 'email_change' ? null : status,
  created_at: created_at.toISOString(),
  sent_at: kind === 'email_change' ? null : (sent_at?.toISOString() ?? null),
})

// Where an administrator works, and who operates the service, is nothing that is held on the user.
const eventView = ({ type, actor_id, ip, user_agent, data, created_at }: AuditEvent) => ({
  type,
  ip: actor_id ? null : ip,
  user_agent: actor_id ? null : user_agent,
  data: data && { ...data, operator: undefined },
  created_at: created_at.toISOString(),
})

const rowsOfModules = async ({ staleRead }: Pick<Deps, 'staleRead'>, userId: string) => {
  const all = Object.entries(moduleRows).map(
    async ([name, { list }]): Promise<[string, Record<string, unknown>[]]> => [
      name,
      await staleRead(manager => manager.query(list, [userId])),
    ],
  )
  return Object.fromEntries(await Promise.all(all))
}

/**
 * Everything that is held on a user, for the user (GDPR, article 20): of mails and events the latest 5000, which strangers
 * may cause. No secret and no hash is part of it.
 */
export const exportAccount = async (
  deps: Pick<Deps, 'clock' | 'database' | 'staleRead' | 'redis' | 'keys'>,
  { user, sessionId, origin }: { user: User; sessionId: string; origin: Origin },
) => {
  const [sessions, mails, events, modules] = await Promise.all([
    listSessions(deps, { user, currentId: sessionId }),
    deps.staleRead(manager =>
      manager.find(Emails, { where: mailsOf(user), order: { id: 'DESC' }, take: most }),
    ),
    deps.staleRead(manager =>
      manager.find(AuditEvents, { where: { user_id: user.id }, order: { id: 'DESC' }, take: most }),
    ),
    rowsOfModules(deps, user.id),
  ])
  await recordEvent(deps.database.manager, { type: 'user.exported', userId: user.id, sessionId, origin })
  return {
    user: userView(user),
    sessions,
    emails: mails.reverse().map(mailView),
    audit_events: events.reverse().map(eventView),
    modules,
  }
}
