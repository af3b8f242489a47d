import cluster from 'node:cluster'
import { allEmails } from './emails.ts'
import { openLog } from './platform/base/log.ts'
import { configOrExit } from './platform/config/config.ts'
import { exposures } from './platform/config/exposure.ts'
import { endUnstarted } from './platform/config/shutdown.ts'
import { checkTemplatesOrExit } from './platform/mail/check-templates.ts'

// With `API_PROCESSES` of 1 this process serves. With more it is their primary, which serves nothing and so loads
// nothing of what does; they run this file again.

if (import.meta.main) {
  const config = configOrExit('api')
  if (cluster.isPrimary) await checkTemplatesOrExit(config, allEmails)
  const log = openLog('api', config.LOG_LEVEL)
  if (cluster.isPrimary) for (const exposure of exposures(config, 'api')) log.warn(exposure)
  const supervises = cluster.isPrimary && config.API_PROCESSES > 1
  try {
    const { run } = supervises
      ? await import('./processes/api/primary.ts')
      : await import('./processes/api/process.ts')
    await run(config, log)
  } catch (err) {
    endUnstarted(log, err)
  }
}
