/**
 * The types of factors, and the method by which a client proves each. `factors.type`, `users.factor_types` and replies hold a
 * type, the member `methods` of `MFA_REQUIRED` lists methods in this order.
 */
export const factorMethods = {
  totp: 'totp',
  passkey: 'passkey',
  recovery_codes: 'recovery_code',
} as const

export type FactorType = keyof typeof factorMethods
export type FactorMethod = (typeof factorMethods)[FactorType]

export const factorTypes = Object.keys(factorMethods) as FactorType[]
