import { defineProblems } from '../../platform/catalog/problem-definition.ts'
import { problemFrom, problems } from '../../platform/catalog/problems.ts'

/** The problems of the shop, and its own reasons of problems of the core. */
export const shopProblems = defineProblems({
  INVALID_SIGNATURE: {
    status: 401,
    title: 'The signature is not valid',
    help: 'The event was not signed with the secret of this endpoint, or more than five minutes ago. It had no effect.',
  },
  SITE_UNAVAILABLE: {
    status: 409,
    title: 'The site is not for sale at the moment',
    help: 'The site is sold or reserved. `detail` says which.',
    details: {
      reserved: 'Another buyer has reserved the site. An unpaid reservation expires.',
      sold: 'The site is sold. Only a refund makes a paid site available again.',
    },
  },
  REQUEST_IN_PROGRESS: {
    status: 409,
    title: 'The same request is in progress',
    help: 'A request with this `Idempotency-Key` has not been answered yet. Send it again after `Retry-After` seconds.',
    isRetriable: true,
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'The idempotency key belongs to another request',
    help: 'An `Idempotency-Key` identifies one request. Use a new key for a new request.',
  },
  FORBIDDEN: {
    ...problems.FORBIDDEN,
    details: { not_paid: 'The purchase was never paid, so it cannot be refunded.' },
  },
  DUPLICATE_ENTRY: { ...problems.DUPLICATE_ENTRY, details: { slug: 'Another site has this slug.' } },
})

export type ShopCode = keyof typeof shopProblems

/** Creates a problem of the shop. */
export const shopProblem = problemFrom(shopProblems)
