import { defineLimits } from '../../platform/catalog/limits.ts'

/** The rate limits of the shop. */
export const shopLimits = defineLimits({
  sites: { points: 1000, window: '15m', by: 'ip' },
  purchase: { points: 5, window: '30m', by: 'ip' },
  webhook: { points: 1000, window: '1m', by: 'ip' },
})

export type ShopLimitName = keyof typeof shopLimits
