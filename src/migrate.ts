import { configOrExit } from './config.ts'
import { openLog } from './platform/base/log.ts'
import { migrate } from './processes/migrate/migrate.ts'
import { exitWithError } from './processes/shutdown.ts'

// `npm run migrate`: brings the database up to date, then exits.

if (import.meta.main) {
  const config = configOrExit('migrate')
  const log = openLog('migrate', config.LOG_LEVEL)
  await migrate(config, log).catch(err => exitWithError(log, err, 'migration failed'))
}
