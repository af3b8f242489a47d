import { MigrationExecutor } from 'typeorm'
import { Accounts1763700000000 } from '../migrations/1763700000000-accounts.ts'
import { AccountLife1763800000000 } from '../migrations/1763800000000-account-life.ts'
import { FailedLogins1763900000000 } from '../migrations/1763900000000-failed-logins.ts'
import { Purchases1764000000000 } from '../migrations/1764000000000-purchases.ts'
import { PasswordForms1764100000000 } from '../migrations/1764100000000-password-forms.ts'
import { RepeatedProofs1764110000000 } from '../migrations/1764110000000-repeated-proofs.ts'
import { PurchaseClaims1764120000000 } from '../migrations/1764120000000-purchase-claims.ts'
import { ReservationBounds1764120000001 } from '../migrations/1764120000001-reservation-bounds.ts'
import { AuditData1764120000002 } from '../migrations/1764120000002-audit-data.ts'
import { WaitingPurchases1764120000003 } from '../migrations/1764120000003-waiting-purchases.ts'
import { MailHolds1764130000000 } from '../migrations/1764130000000-mail-holds.ts'
import { EmailRetention1764130000001 } from '../migrations/1764130000001-email-retention.ts'
import { entities } from './entities.ts'
import { createFirstKey } from './features/signing-keys/create-first-key.ts'
import { type Log, openLog } from './platform/base/log.ts'
import { type Config, configOrExit } from './platform/config/config.ts'
import { endUnstarted } from './platform/config/shutdown.ts'
import { deriveSecrets } from './platform/crypto/secrets.ts'
import { openPostgres } from './platform/postgres/postgres.ts'

/** Every migration, oldest first. */
export const migrations = [
  Accounts1763700000000,
  AccountLife1763800000000,
  FailedLogins1763900000000,
  Purchases1764000000000,
  PasswordForms1764100000000,
  RepeatedProofs1764110000000,
  PurchaseClaims1764120000000,
  ReservationBounds1764120000001,
  AuditData1764120000002,
  WaitingPurchases1764120000003,
  MailHolds1764130000000,
  EmailRetention1764130000001,
]

/**
 * Brings the database up to date and makes the first signing key. Of several processes that do so at once one works and
 * the others wait for it: TypeORM takes no lock of its own. All migrations run in the transaction that holds the lock.
 * Behind a pooler the lock of a session is lost, and one connection for each process always suffices.
 */
export const migrate = async (
  config: Pick<Config, 'DATABASE_URL' | 'APP_SECRET'>,
  log: Log,
): Promise<void> => {
  const { DATABASE_URL: url, APP_SECRET } = config
  const database = await openPostgres({ url, entities, log, migrations, poolSize: 1, within: null })
  const runner = database.createQueryRunner()
  try {
    await runner.startTransaction()
    await runner.query(`SELECT pg_advisory_xact_lock(hashtextextended('latchkey migrations', 0))`)
    const executor = new MigrationExecutor(database, runner)
    executor.transaction = 'all'
    const done = await executor.executePendingMigrations()
    await runner.commitTransaction()
    await runner.release()
    log.info({ migrations: done.map(({ name }) => name) }, 'migrated')
    await createFirstKey({ database, secrets: deriveSecrets(APP_SECRET) })
  } finally {
    await runner.release()
    await database.destroy()
  }
}

if (import.meta.main) {
  const config = configOrExit('migrate')
  const log = openLog('migrate', config.LOG_LEVEL)
  await migrate(config, log).catch(err => endUnstarted(log, err, 'migration failed'))
}
