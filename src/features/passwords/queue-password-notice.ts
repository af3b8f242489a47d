import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { queueEmail } from '../../platform/mail/outbox.ts'
import type { User } from '../users/entity.ts'

/** Queues the email that tells a user that their password was changed. Returns its id. */
export const queuePasswordNotice = (
  manager: EntityManager,
  { clock }: Pick<Deps, 'clock'>,
  { user, origin }: { user: User; origin: Origin },
): Promise<string> =>
  queueEmail(manager, emails.password_changed, {
    recipient: user.email,
    userId: user.id,
    locale: user.preferred_language ?? 'en',
    data: { time: new Date(now(clock)).toISOString(), ip: origin.ip, device: origin.userAgent },
  })
