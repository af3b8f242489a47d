import { defineEmail } from '../../platform/catalog/email-definition.ts'

const day = 86_400_000

const link = 'https://accounts.example.com/api/v1/auth/link?token=lkp_AZ2Vq1sZc3mXo7Rk9tYw4bNd'
const passwordToken = { purpose: 'reset_password', lifetime: day } as const

/** The emails of the shop. */
export const shopEmails = {
  /** To a guest whose payment created the account. */
  welcome_guest: defineEmail('welcome_guest', {
    sample: { name: 'Ada Lovelace', link, code: '04821396', hours: '24' },
    token: passwordToken,
    link: 'reset-password',
    sendTo: { onlyIf: 'no_password' },
  }),
  /** To a guest who paid with the address of an account whose password another person may have chosen. */
  purchase_claim: defineEmail('purchase_claim', {
    sample: { name: '', link, code: '04821396', hours: '24' },
    token: passwordToken,
    link: 'reset-password',
    sendTo: { onlyIf: 'may_reset', inactiveAccounts: true, mailboxOwner: true },
  }),
  purchase_confirmation: defineEmail('purchase_confirmation', {
    sample: {
      ...{ name: 'Ada Lovelace', item: 'Corner bakery', amount: '1250000 GTQ' },
      reference: '019a5f7e-7a30-7c4e-9d0b-3f1f6f1d2c4b',
      link,
    },
    data: ['item', 'amount', 'reference'],
    sendTo: { anyAddress: true, inactiveAccounts: true, mailboxOwner: true },
  }),
} as const
