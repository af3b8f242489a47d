import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { queueEmail } from '../../platform/mail/outbox.ts'
import type { User } from '../users/types.ts'
import type { Factor } from './types.ts'

type Change = {
  user: User
  kind: 'factor_added' | 'factor_removed'
  /** The factor that the owner sees in the email. */
  factor: Pick<Factor, 'id' | 'name' | 'type'>
  /** Recovery codes that came or went with it. */
  alsoIds?: readonly string[]
  origin: Origin
}

/** Queues the email to the owner about a factor, with a link that undoes the change. Returns its id. */
export const queueFactorNotice = (
  manager: EntityManager,
  { clock }: Pick<Deps, 'clock'>,
  { user, kind, factor, alsoIds = [], origin }: Change,
): Promise<string> =>
  queueEmail(manager, emails[kind], {
    recipient: user.email,
    userId: user.id,
    locale: user.preferred_language ?? 'en',
    data: {
      factor_type: factor.type,
      factor: factor.name,
      factor_ids: [factor.id, ...alsoIds].join(' '),
      time: new Date(now(clock)).toISOString(),
      ip: origin.ip,
      device: origin.userAgent,
    },
  })
