import { join, resolve } from 'node:path'
import type { Env } from './binaries.ts'

/** The root folder of this checkout, with a slash at its end. */
export const checkout = join(import.meta.dirname, '../../')

/**
 * Where `npm start` keeps the data and passwords of its servers, emails, APP_SECRET and the environment for other
 * commands: `.latchkey/` in the checkout, or the folder in LATCHKEY_STATE, whose parent must exist. With its own folder,
 * a second `npm start` of the same checkout shares nothing with the first: tests of `npm start` need that.
 */
export const stateFolder = (env: Env): string =>
  env.LATCHKEY_STATE ? resolve(env.LATCHKEY_STATE) : join(checkout, '.latchkey')
