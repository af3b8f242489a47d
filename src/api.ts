import cluster from 'node:cluster'
import { configOrExit } from './config.ts'
import { emails as allEmails } from './modules.ts'
import { openLog } from './platform/base/log.ts'
import { exposureWarnings } from './platform/config/exposure.ts'
import { checkTemplatesOrExit } from './platform/mail/check-templates.ts'
import { exitWithError } from './processes/shutdown.ts'

// `npm run api`. With `API_PROCESSES` of 1 this process serves the API. With more it is the primary: it starts processes
// that run this file again, and does not load the code of the server itself.

if (import.meta.main) {
  const config = configOrExit('api')
  if (cluster.isPrimary) await checkTemplatesOrExit(config, allEmails)
  const log = openLog('api', config.LOG_LEVEL)
  if (cluster.isPrimary) for (const warning of exposureWarnings(config, 'api')) log.warn(warning)
  const isPrimaryOfSeveral = cluster.isPrimary && config.API_PROCESSES > 1
  try {
    const { run } = isPrimaryOfSeveral
      ? await import('./processes/api/primary.ts')
      : await import('./processes/api/process.ts')
    await run(config, log)
  } catch (err) {
    exitWithError(log, err)
  }
}
