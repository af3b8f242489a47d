import { defineEmail } from './email-definition.ts'
import { asQueued, circumstances, link, name } from './email-samples.ts'

const undoFactor = { purpose: 'undo_factor', lifetime: 7 * 86_400_000 } as const

/** The emails about second factors and recovery codes. */
export const factorEmails = {
  /** `factor_ids`: the factors that the undo link removes, separated by spaces. */
  factor_added: defineEmail('factor_added', {
    sample: { name, factor_type: 'totp', factor: 'Phone', ...circumstances, link, days: '7' },
    data: ['factor_type', 'factor', 'factor_ids', ...asQueued],
    token: undoFactor,
    link: 'undo-factor',
    sendTo: { anyAddress: true, inactiveAccounts: true },
  }),
  /** `factor_ids`: the factors that the undo link restores. */
  factor_removed: defineEmail('factor_removed', {
    sample: { name, factor_type: 'totp', factor: 'Phone', ...circumstances, link, days: '7' },
    data: ['factor_type', 'factor', 'factor_ids', ...asQueued],
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
} as const
