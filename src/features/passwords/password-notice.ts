import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { NewEmail } from '../../platform/mail/outbox.ts'
import type { Origin } from '../sessions/start-session.ts'
import type { User } from '../users/entity.ts'

/** The mail that tells an owner that their password is another one now. */
export const passwordNotice = (deps: Pick<Deps, 'clock'>, user: User, origin: Origin): NewEmail => ({
  kind: 'password_changed',
  recipient: user.email,
  userId: user.id,
  locale: user.preferred_language ?? 'en',
  data: { time: new Date(now(deps.clock)).toISOString(), ip: origin.ip, device: origin.userAgent },
})
