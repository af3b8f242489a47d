import { factorAuditEvents } from './factor-audit-events.ts'

/** A type of audit event, for the documentation. */
export type AuditEventDefinition = {
  /** What the event is recorded on. */
  readonly on: string
  /** The fields of its `data`. */
  readonly data: string
}

const change = '`before`, `after`'

/**
 * Every security event that is kept. `user_id` is the account that an event is about. `actor_id` is the administrator who
 * caused it, if that is another account, and `actor_client_id` the machine client that caused it.
 */
export const auditEvents = {
  'user.registered': {
    on: 'a registration, `users create`, a module that creates an account',
    data: '`after`, if a command did it',
  },
  'user.registration_refused': { on: 'a registration with an address that has an account', data: '' },
  'user.imported': { on: '`users import`, for each account', data: '`after`' },
  'user.profile_changed': { on: '`PATCH` and `PUT /auth/me`', data: `${change}, as plain text` },
  'user.exported': { on: '`GET /auth/me/export`', data: '' },
  'user.email_verified': {
    on: 'the link or code of an email, the first sign-in by email code',
    data: `${change}, \`claim\``,
  },
  'user.rejected': {
    on: '`reject-account`; it names the account only if the account is kept',
    data: '',
  },
  'user.deleted': { on: '`DELETE /auth/me`, `DELETE /admin/users/:id`', data: change },
  'user.deletion_undone': { on: 'the link of the email about the deletion', data: '`after`' },
  'user.merged': {
    on: 'an undone change of address, if an account without a password had the old address',
    data: '`merged_user_id`, `move`',
  },
  'user.deactivated': { on: '`PATCH /admin/users/:id`, commands', data: change },
  'user.activated': { on: '`PATCH /admin/users/:id`, commands', data: change },
  'user.roles_changed': { on: '`PATCH /admin/users/:id`, commands', data: change },
  'login.succeeded': { on: 'a sign-in, after its last step', data: '`amr`' },
  'login.failed': {
    on: '`POST /auth/login`, `POST /auth/login/email/confirm`, also for addresses without an account',
    data: '`amr` and `email_id`, if a code of an email was wrong',
  },
  'login.refused': { on: '`POST /auth/login`', data: '' },
  'login.challenged': {
    on: 'the first step of a sign-in that needs a second one',
    data: '`amr`',
  },
  'login.mfa_failed': { on: 'wrong evidence at `POST /auth/login/mfa`', data: '`method`' },
  'login.email_requested': {
    on: '`POST /auth/login/email`, whether or not the address has an account',
    data: '`email_id`',
  },
  ...factorAuditEvents,
  'user.reauthenticated': {
    on: '`POST /auth/reauthenticate` with the right password or factor',
    data: '`amr`',
  },
  'session.reused': { on: 'a refresh token that was used before', data: '' },
  'session.ended': { on: 'the end of one session', data: '' },
  'sessions.ended': { on: 'the end of all sessions of a user', data: '' },
  'password.refused': { on: 'a wrong password of a signed-in user', data: '' },
  'password.closed': { on: 'too many wrong passwords in a row', data: '' },
  'password.reset_requested': {
    on: 'a request for the email, whether or not the address has an account',
    data: '`email_id`',
  },
  'password.reset': { on: 'the link or code of an email', data: `${change}, \`claim\`` },
  'password.changed': { on: '`POST` and `PUT /auth/change-password`', data: '' },
  'email.verification_requested': {
    on: 'a request for the email, whether or not the address has an account',
    data: '`email_id`',
  },
  'email.change_requested': { on: '`POST /auth/change-email`', data: '`email_id`' },
  'email.changed': {
    on: 'the link or code of the email to the new address',
    data: `\`email_id\`, \`notice_id\` (to the old address), ${change}`,
  },
  'email.change_undone': {
    on: 'the link of the email to the old address',
    data: `\`email_id\`, ${change}, \`claim\`, \`release\`, \`factor_ids\``,
  },
  'signing_key.published': { on: 'the worker, `keys rotate`, `keys retire`', data: '`kid`, `not_before`' },
  'signing_key.promoted': {
    on: 'the worker, `keys rotate --now`, `keys retire`: the key signs from now on',
    data: '`kid`, `retiring`, `retires_at`',
  },
  'signing_key.retired': { on: 'the worker, `keys retire`', data: '`kid`, `before`' },
  'client.created': {
    on: '`POST /admin/clients`, `clients create`',
    data: '`client_id`, `after`, with the prefix of the secret',
  },
  'client.secret_added': {
    on: '`POST /admin/clients/:id/secrets`, `clients add-secret`',
    data: `\`client_id\`, ${change}`,
  },
  'client.secret_dropped': {
    on: '`DELETE /admin/clients/:id/secrets/:prefix`, `clients drop-secret`',
    data: `\`client_id\`, ${change}`,
  },
  'client.revoked': {
    on: '`DELETE /admin/clients/:id`, `clients revoke`',
    data: `\`client_id\`, ${change}`,
  },
  'email.retried': { on: '`POST /admin/emails/:id/retry`, `emails retry`', data: `\`email_id\`, ${change}` },
} as const satisfies Record<string, AuditEventDefinition>

export type AuditType = keyof typeof auditEvents
