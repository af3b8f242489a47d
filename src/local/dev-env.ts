import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { shopSecrets } from '../base/shop-variables.ts'

/** Where a command at another prompt finds the services that `npm start` found: in `.latchkey/`. */
export const devEnvFile = join(import.meta.dirname, '../../.latchkey/env')

const told = [
  ...(['DATABASE_URL', 'REDIS_URL', 'SMTP_URL', 'APP_SECRET', 'PUBLIC_URL'] as const),
  ...shopSecrets,
]

/** Leaves the environment of the processes there, for their owner alone, until they end. */
export const leaveDevEnv = async (env: NodeJS.ProcessEnv): Promise<AsyncDisposable> => {
  const lines = told.map(name => `${name}='${env[name] ?? ''}'\n`)
  await rm(devEnvFile, { force: true })
  await writeFile(devEnvFile, lines.join(''), { mode: 0o600 })
  return { [Symbol.asyncDispose]: () => rm(devEnvFile, { force: true }) }
}
