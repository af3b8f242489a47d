import { execFile } from 'node:child_process'
import { createRequire, Module } from 'node:module'
import { promisify } from 'node:util'
import test from 'ava'
import { DataSource, EntitySchema } from '../../../src/platform/postgres/typeorm.ts'

const require = createRequire(import.meta.url)

const loaded = () => Object.keys(require.cache).filter(path => path.includes('/node_modules/typeorm/'))

const withoutPatch = `
require('typeorm/data-source/DataSource.js')
process.stdout.write(JSON.stringify(Object.keys(require.cache)))
`

// If TypeORM loads few files without the patch, remove the patch.
test('TypeORM connects to Postgres → it loads files that it does not use only without the patch', async t => {
  const entity = new EntitySchema({ name: 'things', columns: { id: { type: 'uuid', primary: true } } })
  const database = new DataSource({ type: 'postgres', entities: [entity] })
  t.is(database.driver.constructor.name, 'PostgresDriver')
  const needless =
    /\/(?:mongodb|\w+Mongo\w+|mysql|FileLogger|SimpleConsoleLogger|EntityNotFoundError|tinyglobby)\b/
  t.deepEqual(
    Object.keys(require.cache).filter(path => needless.test(path)),
    [],
  )
  t.true(loaded().length < 80)
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', withoutPatch], {
    cwd: import.meta.dirname,
  })
  const paths: string[] = JSON.parse(stdout)
  t.true(paths.filter(path => path.includes('/node_modules/typeorm/')).length > 200)
  t.true(paths.some(path => needless.test(path)))
})

test('a file of TypeORM is used → its exports are those of the file, and ordinary properties from then on', t => {
  const errors = require('typeorm/error/index.js')
  t.is(errors.TypeORMError.name, 'TypeORMError')
  t.true(new errors.QueryFailedError('', [], new Error('x')) instanceof errors.TypeORMError)
  t.true(Object.keys(errors).includes('EntityNotFoundError'))
})

test('a module without a file requires another → Node answers as without the patch', t => {
  t.throws(() => new Module('text').require('./missing.js'), { code: 'MODULE_NOT_FOUND' })
})
