/** The scopes with which a machine client administers the shop. */
export const shopScopes = {
  'sites:write': 'Offer and change sites.',
  'purchases:read': 'List purchases.',
  'purchases:write': 'Record refunds.',
} as const

export type ShopScope = keyof typeof shopScopes
