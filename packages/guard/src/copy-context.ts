const source = Symbol('source')

type Copy = Record<PropertyKey, unknown> & { [source]?: object }

/** A method is called on the object that it belongs to: native ones refuse any other. */
const memberOf = (object: object, name: string): unknown => {
  const member: unknown = Reflect.get(object, name)
  return typeof member === 'function' ? member.bind(object) : member
}

/**
 * A copy of what the framework gives to a handler, for one request: the object itself may be shared by requests, as the `env`
 * of a Worker is. Deno and Bun give an object of a class, so the copy forwards what that inherits, also through a copy of it.
 */
export const copyContext = (given: object = {}): Copy => {
  const copy: Copy = { ...given }
  const original = copy[source] ?? given
  let from: object | null = Object.getPrototypeOf(original)
  if (from !== null && from !== Object.prototype) copy[source] = original
  for (; from !== null && from !== Object.prototype; from = Object.getPrototypeOf(from))
    for (const name of Object.getOwnPropertyNames(from))
      if (!(name in copy))
        Object.defineProperty(copy, name, {
          configurable: true,
          get: () => memberOf(original, name),
          set: value =>
            Object.defineProperty(copy, name, {
              value,
              configurable: true,
              enumerable: true,
              writable: true,
            }),
        })
  return copy
}
