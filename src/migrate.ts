import { Accounts1763700000000 } from '../migrations/1763700000000-accounts.ts'
import { AccountLife1763800000000 } from '../migrations/1763800000000-account-life.ts'
import { FailedLogins1763900000000 } from '../migrations/1763900000000-failed-logins.ts'
import { Purchases1764000000000 } from '../migrations/1764000000000-purchases.ts'
import { RepeatedProofs1764110000000 } from '../migrations/1764110000000-repeated-proofs.ts'
import { type Config, configOrExit } from './base/config.ts'
import { type Log, openLog } from './base/log.ts'
import { deriveSecrets } from './crypto/secrets.ts'
import { entities } from './entities.ts'
import { createFirstKey } from './keys/create-first-key.ts'
import { openPostgres } from './storage/postgres.ts'

/** Every migration, oldest first. */
export const migrations = [
  Accounts1763700000000,
  AccountLife1763800000000,
  FailedLogins1763900000000,
  Purchases1764000000000,
  RepeatedProofs1764110000000,
]

/**
 * Brings the database up to date and makes the first signing key. Of several processes that do so at once one
 * works and the others wait for it: TypeORM takes no lock of its own.
 */
export const migrate = async (
  config: Pick<Config, 'DATABASE_URL' | 'APP_SECRET'>,
  log: Log,
): Promise<void> => {
  const { DATABASE_URL: url, APP_SECRET } = config
  const database = await openPostgres({ url, entities, log, migrations, poolSize: 3, within: null })
  const lock = database.createQueryRunner()
  try {
    await lock.query(`SELECT pg_advisory_lock(hashtextextended('latchkey migrations', 0))`)
    const done = await database.runMigrations({ transaction: 'each' })
    log.info({ migrations: done.map(({ name }) => name) }, 'migrated')
    await createFirstKey({ database, secrets: deriveSecrets(APP_SECRET) })
  } finally {
    await lock.query(`SELECT pg_advisory_unlock_all()`)
    await lock.release()
    await database.destroy()
  }
}

if (import.meta.main) {
  const config = configOrExit('migrate')
  const log = openLog('migrate', config.LOG_LEVEL)
  await migrate(config, log).catch(err => {
    log.fatal({ err, reason: err instanceof Error ? err.message : '' }, 'migration failed')
    process.exitCode = 1
  })
}
