import { Module } from 'node:module'

// Checked with typeorm 1.1.1. The test in typeorm-patches.test.ts fails when typeorm no longer needs the patch.

/**
 * Stands for the exports of a file, and loads the file when one of them is first read. From then on, that one is an ordinary
 * property.
 */
const lateExports = (load: () => object): object => {
  const handler: ProxyHandler<object> = {
    get: (_, name, exports) => {
      const value = Reflect.get(load(), name)
      // Not defined yet: two files that require each other.
      if (value !== undefined) Object.defineProperty(exports, name, { value })
      return value
    },
    // For files that export everything of another file.
    ownKeys: () => Reflect.ownKeys(load()),
    getOwnPropertyDescriptor: (_, name) => {
      const descriptor = Reflect.getOwnPropertyDescriptor(load(), name)
      return descriptor && { ...descriptor, configurable: true }
    },
  }
  return Object.create(new Proxy({}, handler))
}

/**
 * Symptom: the first file of TypeORM loads 280 others, such as the drivers of 17 databases, a formatter of SQL, four loggers and
 * 60 errors (https://github.com/typeorm/typeorm/pull/10345). That is a tenth of the start of the API.
 *
 * Here a file that another file of TypeORM requires is loaded at its first use, and most never are. It works since the files of
 * TypeORM only read named exports of each other. Call it before TypeORM is loaded.
 */
export const loadPartsLate = (): void => {
  const load = Module.prototype.require
  Module.prototype.require = function (this: Module, id: string) {
    // A module without a file, such as the REPL, has no name.
    const isPart = this.filename?.includes('/node_modules/typeorm/') && id.startsWith('.')
    return isPart ? lateExports(() => load.call(this, id)) : load.call(this, id)
  } as NodeJS.Require
}
