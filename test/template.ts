import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { queryOnce } from '../src/local/probe.ts'

/** The APP_SECRET under which the template's keys are sealed. */
export const testSecret = 'of-tests-alone-7Gk2vQx9LmZr4TbY8wNc'

const migrateScript = fileURLToPath(new URL('../src/migrate.ts', import.meta.url))

/**
 * Makes the migrated database `latchkey_template`, of which each test file copies its own: copying takes a
 * few dozen milliseconds, migrating much longer. Drops the one of the run before.
 */
export const prepareTemplate = async (databaseUrl: string): Promise<void> => {
  await queryOnce(databaseUrl, 'DROP DATABASE IF EXISTS latchkey_template WITH (FORCE)')
  await queryOnce(databaseUrl, 'CREATE DATABASE latchkey_template')
  const template = new URL(databaseUrl)
  template.pathname = '/latchkey_template'
  const env = {
    PATH: process.env.PATH,
    NODE_ENV: 'test',
    DATABASE_URL: template.href,
    APP_SECRET: testSecret,
  }
  await promisify(execFile)(process.execPath, [migrateScript], { env }).catch(fault => {
    throw new Error(`The template database does not migrate:\n${fault.stdout}${fault.stderr}`)
  })
}
