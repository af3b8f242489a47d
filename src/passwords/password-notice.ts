import type { User } from '../accounts/entity.ts'
import { now } from '../base/clock.ts'
import type { Deps } from '../deps.ts'
import type { Origin } from '../sessions/start-session.ts'
import type { OwedMail } from '../storage/outbox.ts'

/** The mail that tells an owner that their password is another one now. */
export const passwordNotice = (deps: Pick<Deps, 'clock'>, user: User, origin: Origin): OwedMail => ({
  kind: 'password_changed',
  recipient: user.email,
  userId: user.id,
  locale: user.preferred_language ?? 'en',
  data: { time: new Date(now(deps.clock)).toISOString(), ip: origin.ip, device: origin.userAgent },
})
