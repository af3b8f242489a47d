/** The audit events of second factors and recovery codes. */
export const factorAuditEvents = {
  'factor.added': { on: 'a confirmed authenticator app, a new passkey', data: '`factor_id`, `after`' },
  'factor.renamed': { on: '`PATCH /auth/factors/:id`', data: '`factor_id`, `before`, `after`' },
  'factor.removed': { on: '`DELETE /auth/factors/:id`', data: '`factor_id`, `before`' },
  'factor.undone': { on: 'the link of the email about a factor', data: '`email_id`, `factor_ids`' },
  'factor.unproven_removed': {
    on: 'the first verification of the address, if factors were added before it',
    data: '`factor_ids`',
  },
  'factors.reset': {
    on: '`DELETE /admin/users/:id/factors`, `users reset-factors`',
    data: '`factor_ids`',
  },
  'recovery_codes.replaced': { on: '`POST /auth/factors/recovery-codes`', data: '`factor_id`' },
  'recovery_code.used': { on: 'a sign-in or reauthentication with one', data: '`factor_id`, `remaining`' },
  'factor.refused': { on: 'wrong evidence of a signed-in user', data: '`method`' },
} as const
