import { defineEmail } from './email-definition.ts'

const hour = 3_600_000
const day = 24 * hour

const name = 'Ada Lovelace'
const link = 'https://accounts.example.com/api/v1/auth/link?token=lkp_AZ2Vq1sZc3mXo7Rk9tYw4bNd'
const shortCode = '048213'
const longCode = '04821396'

/** When, from where and with which device something happened. */
const circumstances = { time: '2027-01-31T18:05:00.000Z', ip: '203.0.113.7', device: 'Chrome, Linux' }
const asQueued = ['time', 'ip', 'device'] as const

const undoFactor = { purpose: 'undo_factor', lifetime: 7 * day } as const

const verifyToken = { purpose: 'verify_email', lifetime: day } as const

/** The emails of the core. Modules add their own. */
export const emails = {
  /** Its circumstances are those of the registration. */
  verify_email: defineEmail('verify_email', {
    sample: { name, ...circumstances, link, code: shortCode, hours: '24', remove_link: link },
    token: verifyToken,
    link: 'verify-email',
    sendTo: { onlyIf: 'email_unverified' },
  }),
  /** Sent instead of `verify_email` if someone else created the account: an administrator, an import or a module. */
  verify_invited: defineEmail('verify_invited', {
    sample: { name, link, code: shortCode, hours: '24' },
    token: verifyToken,
    link: 'verify-email',
    sendTo: { onlyIf: 'email_unverified' },
  }),
  welcome: defineEmail('welcome', { sample: { name, link } }),
  account_exists: defineEmail('account_exists', { sample: { name, link }, link: 'forgot-password' }),
  reset_password: defineEmail('reset_password', {
    sample: { name, link, code: longCode, minutes: '60' },
    token: { purpose: 'reset_password', lifetime: hour },
    link: 'reset-password',
  }),
  /**
   * Its circumstances are those of the request. `device_id`: the device whose own limit lets the email through if the mailbox
   * has reached its limit; else empty.
   */
  login_code: defineEmail('login_code', {
    sample: { name, ...circumstances, link, code: longCode, minutes: '10' },
    data: [...asQueued, 'device_id'],
    token: { purpose: 'login', lifetime: hour / 6 },
    link: 'login-code',
  }),
  password_changed: defineEmail('password_changed', {
    sample: { name, ...circumstances, link },
    data: asQueued,
    link: 'forgot-password',
    sendTo: { anyAddress: true },
  }),
  email_change: defineEmail('email_change', {
    sample: { name, account: 'ada@example.net', link, code: shortCode, hours: '24' },
    token: { purpose: 'change_email', lifetime: day },
    link: 'confirm-email',
    sendTo: { onlyIf: 'address_free', anyAddress: true },
  }),
  /** `held`: `nothing` if the account was empty before the change, so that a new mailbox owner may end the undo link. */
  email_changed: defineEmail('email_changed', {
    sample: { name, email: 'a••@example.org', link, days: '7' },
    data: ['email', 'held'],
    token: { purpose: 'undo_email_change', lifetime: 7 * day },
    link: 'undo-email-change',
    sendTo: { anyAddress: true, inactiveAccounts: true },
  }),
  email_change_undone: defineEmail('email_change_undone', {
    sample: { name, email: 'a••@example.net', ...circumstances },
    data: ['email', ...asQueued],
    sendTo: { anyAddress: true },
  }),
  new_device: defineEmail('new_device', {
    sample: { name, ...circumstances, link },
    data: asQueued,
    link: 'forgot-password',
    sendTo: { anyAddress: true },
  }),
  session_reuse: defineEmail('session_reuse', {
    sample: { name, ...circumstances },
    data: asQueued,
    sendTo: { anyAddress: true },
  }),
  account_exported: defineEmail('account_exported', {
    sample: { name, ...circumstances, link },
    data: asQueued,
    link: 'forgot-password',
    sendTo: { anyAddress: true },
  }),
  /** `factor_ids`: the factors that the undo link removes, separated by spaces. */
  factor_added: defineEmail('factor_added', {
    sample: { name, factor: 'Phone', ...circumstances, link, days: '7' },
    data: ['factor', 'factor_ids', ...asQueued],
    token: undoFactor,
    link: 'undo-factor',
    sendTo: { anyAddress: true, inactiveAccounts: true },
  }),
  /** `factor_ids`: the factors that the undo link restores. */
  factor_removed: defineEmail('factor_removed', {
    sample: { name, factor: 'Phone', ...circumstances, link, days: '7' },
    data: ['factor', 'factor_ids', ...asQueued],
    token: undoFactor,
    link: 'undo-factor',
    sendTo: { anyAddress: true, inactiveAccounts: true },
  }),
  /** `factor_ids`: the recovery codes that the undo link removes. */
  recovery_code_used: defineEmail('recovery_code_used', {
    sample: { name, remaining: '9', ...circumstances, link, days: '7' },
    data: ['remaining', 'factor_ids', ...asQueued],
    token: undoFactor,
    link: 'undo-factor',
    sendTo: { anyAddress: true, inactiveAccounts: true },
  }),
  /** An administrator has removed every factor of the user. */
  factors_reset: defineEmail('factors_reset', {
    sample: { name, time: circumstances.time, link },
    data: ['time'],
    link: 'forgot-password',
    sendTo: { anyAddress: true },
  }),
  /** Its link works until the account is erased, at most as long as the token lives. */
  account_deleted: defineEmail('account_deleted', {
    sample: { name, link, days: '30' },
    token: { purpose: 'undo_deletion', lifetime: 400 * day },
    link: 'undo-deletion',
    sendTo: { onlyIf: 'erasure_due', inactiveAccounts: true },
  }),
} as const
