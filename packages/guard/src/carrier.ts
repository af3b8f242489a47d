import type { Authenticated } from './guards.ts'

const key = Symbol('guard')

type Carrier = { [key]?: Authenticated }

/** What the guard before this one stored in an object of the request. */
export const readFrom = (carrier: object): Authenticated | undefined => (carrier as Carrier)[key]

/**
 * Stores the result of a guard in an object of the request. It is a property, not an entry in a WeakMap: one entry for each
 * request would burden the garbage collector. The claims beside it may be replaced by others; this property decides.
 */
export const writeTo = (carrier: object, authenticated: Authenticated): void => {
  ;(carrier as Carrier)[key] = authenticated
}
