/** The query for the registration by a visitor of the account that an SQL expression names. */
export const registrationQuery = (userId: string): string =>
  `SELECT created_at, ip, user_agent FROM audit_events
    WHERE user_id = ${userId} AND type = 'user.registered' AND actor_id IS NULL AND ip IS NOT NULL
    ORDER BY id LIMIT 1`
