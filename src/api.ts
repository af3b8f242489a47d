import cluster from 'node:cluster'
import { configOrExit } from './base/config.ts'
import { exposures } from './base/exposure.ts'
import { openLog } from './base/log.ts'
import { endUnstarted } from './base/shutdown.ts'
import { checkTemplatesOrExit } from './mail/check-templates.ts'

// With `API_PROCESSES` of 1 this process serves. With more it is their primary, which serves nothing and so loads
// nothing of what does; they run this file again.

if (import.meta.main) {
  const config = configOrExit('api')
  if (cluster.isPrimary) await checkTemplatesOrExit(config)
  const log = openLog('api', config.LOG_LEVEL)
  if (cluster.isPrimary) for (const exposure of exposures(config, 'api')) log.warn(exposure)
  const supervises = cluster.isPrimary && config.API_PROCESSES > 1
  try {
    const { run } = supervises ? await import('./api/primary.ts') : await import('./api/process.ts')
    await run(config, log)
  } catch (err) {
    endUnstarted(log, err)
  }
}
