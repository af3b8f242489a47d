import { join, resolve } from 'node:path'
import type { Env } from './binaries.ts'

/** The top folder of this checkout, with a slash at its end. */
export const checkout = join(import.meta.dirname, '../../')

/**
 * Where `npm start` keeps its servers' data, their passwords, the mail, APP_SECRET and what it tells other commands:
 * `.latchkey/` of the checkout, or the folder that LATCHKEY_STATE names, whose parent must exist. A start with a folder
 * of its own shares nothing with a start of the same checkout that is running, as a test of `npm start` needs it.
 */
export const stateFolder = (env: Env): string =>
  env.LATCHKEY_STATE ? resolve(env.LATCHKEY_STATE) : join(checkout, '.latchkey')
