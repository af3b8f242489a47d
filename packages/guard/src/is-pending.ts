/**
 * Whether a value must be waited for. Not `instanceof Promise`: zone.js, which Angular loads on servers too, replaces the global
 * class, and no promise of an async function is an instance of that.
 */
export const isPending = <T extends object | null>(value: T | Promise<T>): value is Promise<T> =>
  value !== null && 'then' in value
