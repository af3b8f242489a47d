import { defineEmail } from './email-definition.ts'
import { asQueued, circumstances, link, name } from './email-samples.ts'
import { factorEmails } from './factor-emails.ts'

const hour = 3_600_000
const day = 24 * hour

const shortCode = '048213'
const longCode = '04821396'

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
  ...factorEmails,
  /** Its link works until the account is erased, at most as long as the token lives. */
  account_deleted: defineEmail('account_deleted', {
    sample: { name, link, days: '30' },
    token: { purpose: 'undo_deletion', lifetime: 400 * day },
    link: 'undo-deletion',
    sendTo: { onlyIf: 'erasure_due', inactiveAccounts: true },
  }),
} as const
