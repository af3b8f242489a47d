import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { mailboxKinds } from '../../platform/catalog/email-definition.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { enqueueEmails, queueEmail } from '../../platform/mail/outbox.ts'
import type { AuditEvent } from '../audit/entity.ts'
import { recordEvent } from '../audit/record-event.ts'
import { listSessions } from '../sessions/list-sessions.ts'
import type { User } from '../users/entity.ts'
import { isMailboxOwned } from '../users/user-state.ts'
import { userView } from '../users/view.ts'

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

// Rows as they are: objects of the ORM would hold up the process for as long as all the rest.
const latest = <Row>(
  { readFromReplica }: Pick<Deps, 'readFromReplica'>,
  text: string,
  values: unknown[],
): Promise<Row[]> =>
  readFromReplica(async manager => {
    const rows: Row[] = await manager.query(`${text} ORDER BY id DESC LIMIT ${most}`, values)
    return rows.reverse()
  })

// Some emails are asked for by address alone. Of those, what is for the owner of the mailbox is not this user's until they
// have shown that it is theirs.
const emailsOf = `SELECT kind, recipient, status, created_at, sent_at FROM emails
  WHERE (user_id = $1 OR user_id IS NULL AND recipient = $2 AND kind <> ALL($3))`

const eventsOf =
  'SELECT type, actor_id, ip, user_agent, data, created_at FROM audit_events WHERE user_id = $1'

type Needs = Pick<
  Deps,
  | 'clock'
  | 'log'
  | 'emails'
  | 'database'
  | 'readFromReplica'
  | 'redis'
  | 'keys'
  | 'queue'
  | 'limiter'
  | 'userRows'
>

type Asked = { user: User; sessionId: string; origin: Origin; isTold: boolean }

/**
 * Everything that is held on a user, for the user (GDPR, article 20): of emails and events the latest 5000, which
 * strangers may cause. No secret and no hash is part of it. The owner is told of it before it leaves: whoever holds a
 * session can ask for it, without a password.
 */
export const exportAccount = async (deps: Needs, asked: Asked) => {
  const { user, sessionId } = asked
  // By user, as a thief who has the password begins as many sessions as they like.
  const taken = await deps.limiter(limits.export, user.id)
  if (taken && !taken.allowed)
    return new Problem('RATE_LIMIT_EXCEEDED', { retryAfter: Math.ceil(taken.resetIn / 1000) })

  const notOwned = isMailboxOwned(user) ? [] : mailboxKinds(deps.emails)
  const [sessions, mails, events, modules] = await Promise.all([
    listSessions(deps, { user, currentId: sessionId }),
    latest<Email>(deps, emailsOf, [user.id, user.email, notOwned]),
    latest<AuditEvent>(deps, eventsOf, [user.id]),
    rowsOfModules(deps, user.id),
  ])
  if (asked.isTold) await tellOwner(deps, asked)
  return {
    user: userView(user),
    sessions,
    emails: mails.map(mailView),
    audit_events: events.map(eventView),
    modules,
  }
}

const tellOwner = async (deps: Needs, { user, sessionId, origin }: Asked): Promise<void> => {
  const notice = await deps.database.transaction(async manager => {
    await recordEvent(manager, { type: 'user.exported', userId: user.id, sessionId, origin })
    return queueEmail(manager, emails.account_exported, {
      recipient: user.email,
      userId: user.id,
      locale: user.preferred_language ?? 'en',
      data: { time: new Date(now(deps.clock)).toISOString(), ip: origin.ip, device: origin.userAgent },
    })
  })
  await enqueueEmails(deps, [notice])
}
