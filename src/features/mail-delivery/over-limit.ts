import type { Deps } from '../../deps.ts'
import { emailOf } from '../../platform/catalog/email-definition.ts'
import type { Email } from '../../platform/mail/entity.ts'
import { findDevice } from '../devices/store.ts'
import type { User } from '../users/types.ts'

/**
 * Whether an email is dropped because its mailbox has reached its limit: the newest link in it still works. But an attacker
 * who changes the password revokes those links. Then the worker sends one more email: otherwise the owner could not reset
 * the password for an hour.
 *
 * `device_id` names a device with a limit of its own. If the account knows it, the worker sends the email: a code to sign in
 * is of use only to the client that requested it, so the codes that an attacker requested do not help the owner. The address
 * must be verified: an attacker who registers a victim's address could make any number of devices known.
 */
export const isOverLimit = async (
  deps: Pick<Deps, 'emails' | 'database' | 'clock' | 'redis' | 'keys'>,
  { id, kind, recipient, data }: Email,
  user: Pick<User, 'id' | 'email_verified'>,
): Promise<boolean> => {
  if (!data.over_limit) return false
  if (data.device_id && user.email_verified && (await findDevice(deps, user.id, data.device_id)).isKnown)
    return false
  const { emails, database, clock } = deps
  const lifetime = emailOf(emails, kind).token?.lifetime ?? 0
  // It looks for a revoked link, not only for the absence of a working one: an earlier email may not be committed yet.
  const [found] = (await database.query(
    `SELECT bool_or(proof_spent_at IS NOT NULL) AS has_revoked,
            bool_or(proof_spent_at IS NULL AND status IN ('queued', 'sent')
                    AND (id < $1 OR NOT data ? 'over_limit')) AS has_working
       FROM emails
      WHERE recipient = $2 AND kind = $3 AND id <> $1
        AND created_at > now() - $4 * interval '1 millisecond'`,
    [id, recipient, kind, lifetime - clock.shift],
  )) as { has_revoked: boolean | null; has_working: boolean | null }[]
  return !found?.has_revoked || found.has_working === true
}
