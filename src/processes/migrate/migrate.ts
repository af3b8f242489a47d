import { createFirstKey } from '../../features/signing-keys/create-first-key.ts'
import { loadEntities } from '../../modules.ts'
import type { Log } from '../../platform/base/log.ts'
import type { Config } from '../../platform/config/config.ts'
import { deriveSecrets } from '../../platform/crypto/secrets.ts'
import { openPostgres } from '../../platform/postgres/postgres.ts'
import { MigrationExecutor } from '../../platform/postgres/typeorm.ts'
import { migrations } from './migrations.ts'

/**
 * Applies the pending migrations and creates the first signing key. TypeORM takes no lock, so an advisory lock makes
 * concurrent runs wait for each other.
 *
 * The lock belongs to the transaction that runs every migration: behind a connection pooler a lock of a session would be
 * lost. The process needs one connection only.
 */
export const migrate = async (
  config: Pick<Config, 'DATABASE_URL' | 'APP_SECRET'>,
  log: Log,
): Promise<void> => {
  const { DATABASE_URL: url, APP_SECRET } = config
  const entities = await loadEntities()
  const database = await openPostgres({ url, entities, log, migrations, poolSize: 1, timeouts: null })
  const runner = database.createQueryRunner()
  try {
    await runner.startTransaction()
    await runner.query(`SELECT pg_advisory_xact_lock(hashtextextended('latchkey migrations', 0))`)
    const executor = new MigrationExecutor(database, runner)
    executor.transaction = 'all'
    const applied = await executor.executePendingMigrations()
    await runner.commitTransaction()
    await runner.release()
    log.info({ migrations: applied.map(({ name }) => name) }, 'migrated')
    await createFirstKey({ database, secrets: deriveSecrets(APP_SECRET) })
  } finally {
    await runner.release()
    await database.destroy()
  }
}
