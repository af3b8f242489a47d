import { createRequire } from 'node:module'
import test from 'ava'
import { DataSource } from '../../../src/platform/postgres/typeorm.ts'

const require = createRequire(import.meta.url)
const file = require.resolve('typeorm/driver/DriverFactory.js')

const drivers = () =>
  Object.keys(require.cache).flatMap(
    path => /\/typeorm\/driver\/([\w-]+)\/\w+Driver\.js$/.exec(path)?.[1] ?? [],
  )

// If TypeORM loads one driver without the patch, remove the patch.
test('TypeORM connects to Postgres → it loads the drivers of other databases only without the patch', t => {
  const database = new DataSource({ type: 'postgres' })
  t.is(database.driver.constructor.name, 'PostgresDriver')
  t.deepEqual(drivers(), ['postgres'])
  delete require.cache[file]
  const { DriverFactory } = require(file)
  t.is(new DriverFactory().create(database).constructor, database.driver.constructor)
  t.true(drivers().length > 10)
})

test('TypeORM has been loaded → it has loaded its library for globs only without the patch', t => {
  const loader = require.resolve('typeorm/util/DirectoryExportedClassesLoader.js')
  const isLoaded = () => Object.keys(require.cache).some(path => path.includes('/node_modules/tinyglobby/'))
  t.is(typeof require('typeorm/connection/ConnectionMetadataBuilder.js'), 'object')
  t.false(isLoaded())
  delete require.cache[loader]
  t.is(typeof require(loader).importClassesFromDirectories, 'function')
  t.true(isLoaded())
})
