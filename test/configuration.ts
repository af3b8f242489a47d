import { readConfig } from '../src/config.ts'
import type { Config } from '../src/platform/config/config.ts'

/** The configuration of an environment. Throws if the environment is invalid. */
export const configOf = (env: Record<string, string>): Config => {
  const read = readConfig(env, 'worker')
  if ('errors' in read) throw new Error(read.errors.join('\n'))
  return read.config
}
