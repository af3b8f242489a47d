import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { mailboxKinds } from '../../platform/catalog/email-definition.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import type { AuditEvent } from '../audit/entity.ts'
import { recordEvent } from '../audit/record-event.ts'
import { listFactors } from '../factors/list-factors.ts'
import { listSessions } from '../sessions/list-sessions.ts'
import type { User } from '../users/entity.ts'
import { isMailboxOwned } from '../users/user-state.ts'
import { userView } from '../users/view.ts'

const maxRows = 5000

// The status of an email to a new address would reveal whether another user has that address.
const emailView = ({ kind, recipient, status, created_at, sent_at }: Email) => ({
  kind,
  recipient,
  status: kind === 'email_change' ? null : status,
  created_at: created_at.toISOString(),
  sent_at: kind === 'email_change' ? null : (sent_at?.toISOString() ?? null),
})

// The IP address and device of an administrator, and the name of an operator, are not data about the user.
const eventView = ({ type, actor_id, ip, user_agent, data, created_at }: AuditEvent) => ({
  type,
  ip: actor_id ? null : ip,
  user_agent: actor_id ? null : user_agent,
  data: data && { ...data, operator: undefined },
  created_at: created_at.toISOString(),
})

const rowsOfModules = async (
  { readFromReplica, userRows }: Pick<Deps, 'readFromReplica' | 'userRows'>,
  userId: string,
) => {
  const all = Object.entries(userRows).map(
    async ([name, { list }]): Promise<[string, Record<string, unknown>[]]> => [
      name,
      await readFromReplica(manager => manager.query(list, [userId])),
    ],
  )
  return Object.fromEntries(await Promise.all(all))
}

// Plain rows: to build ORM objects would take as much time as all the rest of the export.
const latest = <Row>(
  { readFromReplica }: Pick<Deps, 'readFromReplica'>,
  text: string,
  values: unknown[],
): Promise<Row[]> =>
  readFromReplica(async manager => {
    const rows: Row[] = await manager.query(`${text} ORDER BY id DESC LIMIT ${maxRows}`, values)
    return rows.reverse()
  })

// Some emails are requested by address alone. Those for the owner of the mailbox belong to this user only after the user has
// shown that they own the mailbox.
const emailsOf = `SELECT kind, recipient, status, created_at, sent_at FROM emails
  WHERE (user_id = $1 OR user_id IS NULL AND recipient = $2 AND kind <> ALL($3))`

const eventsOf =
  'SELECT type, actor_id, ip, user_agent, data, created_at FROM audit_events WHERE user_id = $1'

type Needs = Parameters<typeof listSessions>[0] &
  Parameters<typeof listFactors>[0] &
  Pick<Deps, 'log' | 'readFromReplica' | 'queue' | 'limiter' | 'userRows'>

type Export = { user: User; sessionId: string; origin: Origin; isNotified: boolean }

/**
 * Exports all data about a user for that user (GDPR, article 20), without secrets and hashes. Of emails and events it
 * exports the latest 5000, because attackers can cause any number of them.
 *
 * With `isNotified` an email notifies the owner first: a stolen session is enough to request an export, unless the user has a
 * second factor.
 */
export const exportAccount = async (deps: Needs, request: Export) => {
  const { user, sessionId } = request
  // Counted by user, because an attacker who has the password can start any number of sessions.
  const taken = await deps.limiter(limits.export, user.id)
  if (taken && !taken.allowed)
    return new Problem('RATE_LIMIT_EXCEEDED', { retryAfter: Math.ceil(taken.resetIn / 1000) })

  const notOwned = isMailboxOwned(user) ? [] : mailboxKinds(deps.emails)
  const [sessions, factors, emailRows, events, modules] = await Promise.all([
    listSessions(deps, { user, currentId: sessionId }),
    listFactors(deps, user.id),
    latest<Email>(deps, emailsOf, [user.id, user.email, notOwned]),
    latest<AuditEvent>(deps, eventsOf, [user.id]),
    rowsOfModules(deps, user.id),
  ])
  if (request.isNotified) await notifyOwner(deps, request)
  return {
    user: userView(user),
    sessions,
    factors,
    emails: emailRows.map(emailView),
    audit_events: events.map(eventView),
    modules,
  }
}

const notifyOwner = async (deps: Needs, { user, sessionId, origin }: Export): Promise<void> => {
  const notice = await deps.database.transaction(async manager => {
    await recordEvent(manager, { type: 'user.exported', userId: user.id, sessionId, origin })
    return queueEmail(manager, emails.account_exported, {
      recipient: user.email,
      userId: user.id,
      locale: user.preferred_language ?? 'en',
      data: { time: new Date(now(deps.clock)).toISOString(), ip: origin.ip, device: origin.userAgent },
    })
  })
  await startDelivery(deps, [notice])
}
