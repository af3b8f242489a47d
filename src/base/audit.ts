// Every security event that is kept. Whom it is about stands in `user_id`; who did it in `actor_id`, where that is
// somebody else.

export const auditTypes = [
  'user.registered',
  'user.registration_refused',
  'user.email_verified',
  'user.rejected',
  'user.deleted',
  'user.deletion_undone',
  'user.merged',
  'user.deactivated',
  'user.activated',
  'user.roles_changed',
  'login.succeeded',
  'login.failed',
  'login.refused',
  'session.reused',
  'session.ended',
  'sessions.ended',
  'password.refused',
  'password.closed',
  'password.reset',
  'password.changed',
  'email.change_requested',
  'email.changed',
  'email.change_undone',
  'email.retried',
  'purchase.refunded',
] as const

export type AuditType = (typeof auditTypes)[number]
