import cluster from 'node:cluster'
import { configOrExit } from '../../config.ts'
import { emails as allEmails } from '../../modules.ts'
import { openLog } from '../../platform/base/log.ts'
import { exposureWarnings } from '../../platform/config/exposure.ts'
import { checkTemplatesOrExit } from '../../platform/mail/check-templates.ts'
import { exitWithError } from '../shutdown.ts'

/** Reads the configuration and serves the API, in this process or, as the primary, in several. */
export const serve = async (): Promise<void> => {
  const config = configOrExit('api')
  if (cluster.isPrimary) await checkTemplatesOrExit(config, allEmails)
  const log = openLog('api', config.LOG_LEVEL)
  if (cluster.isPrimary) for (const warning of exposureWarnings(config, 'api')) log.warn(warning)
  const isPrimaryOfSeveral = cluster.isPrimary && config.API_PROCESSES > 1
  try {
    const { run } = isPrimaryOfSeveral ? await import('./primary.ts') : await import('./process.ts')
    await run(config, log)
  } catch (err) {
    exitWithError(log, err)
  }
}
