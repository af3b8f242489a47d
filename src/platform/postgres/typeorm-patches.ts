import type { DataSource } from 'typeorm'
import { replaceModule, require } from '../base/lazy-require.ts'

// Checked with typeorm 1.1.1. The tests in typeorm-patches.test.ts fail when typeorm no longer needs a patch.

/**
 * Symptom: the factory of drivers loads those of 17 databases, also with Postgres only: 40 files and 6 MB in each process that are
 * never used (https://github.com/typeorm/typeorm/pull/10345). This factory has one driver. Call it before TypeORM is loaded.
 */
export const skipOtherDrivers = (): void => {
  const create = (database: DataSource) => {
    const { PostgresDriver } = require('typeorm/driver/postgres/PostgresDriver.js')
    return new PostgresDriver(database)
  }
  // Called with `new`, which returns this object.
  const DriverFactory = function DriverFactory() {
    return { create }
  }
  replaceModule(require.resolve('typeorm/driver/DriverFactory.js'), { DriverFactory })
}

/**
 * Symptom: TypeORM loads 8 files of a library for globs, although it is given no globs here. No public report found. Call it
 * before TypeORM is loaded.
 */
export const skipGlobs = (): void =>
  replaceModule(require.resolve('typeorm/util/DirectoryExportedClassesLoader.js'), {
    importClassesFromDirectories: async () => [],
  })
