import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { queryOnce } from '../src/dev-services/probe.ts'
import { testEnvironment } from './environment.ts'

/** The APP_SECRET that encrypts the signing keys of the template database. */
export const testSecret = 'of-tests-alone-7Gk2vQx9LmZr4TbY8wNc'

const migrateScript = fileURLToPath(new URL('../src/migrate.ts', import.meta.url))

/**
 * Creates a migrated database, which each world copies: that takes a few dozen milliseconds, migrating much longer.
 * TEST_TEMPLATE has its name. Disposing drops it.
 */
export const prepareTemplate = async (databaseUrl: string): Promise<AsyncDisposable & { name: string }> => {
  const name = `latchkey_template_${randomBytes(4).toString('hex')}`
  await queryOnce(databaseUrl, `CREATE DATABASE ${name}`)
  const drop = async () => {
    await queryOnce(databaseUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  }
  await using made = new AsyncDisposableStack()
  made.defer(drop)
  const template = new URL(databaseUrl)
  template.pathname = `/${name}`
  const env = {
    ...testEnvironment(process.env),
    DATABASE_URL: template.href,
    APP_SECRET: testSecret,
  }
  await promisify(execFile)(process.execPath, [migrateScript], { env }).catch(error => {
    throw new Error(`Migrating the template database failed:\n${error.stdout}${error.stderr}`)
  })
  made.move()
  return { name, [Symbol.asyncDispose]: drop }
}
