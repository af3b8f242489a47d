import { configOrExit } from './config.ts'
import { reportSecrets } from './features/app-secret/report-secrets.ts'
import { emails } from './modules.ts'
import { open } from './open.ts'
import { openLog } from './platform/base/log.ts'
import { configError } from './platform/config/config.ts'
import { exposureWarnings } from './platform/config/exposure.ts'
import { serveMetrics } from './platform/health/metrics.ts'
import { checkTemplatesOrExit } from './platform/mail/check-templates.ts'
import { compileAll } from './platform/mail/render.ts'
import { saveCompiledSoon } from './processes/save-compiled.ts'
import { closeOnSignal, closeWithin, exitWithError } from './processes/shutdown.ts'
import { endTimeoutMs, startWorker } from './processes/worker/start-worker.ts'

// `npm run worker`: sends emails and runs the periodic jobs.

if (import.meta.main) {
  const config = configOrExit('worker')
  await checkTemplatesOrExit(config, emails)
  const log = openLog('worker', config.LOG_LEVEL)
  for (const warning of exposureWarnings(config, 'worker')) log.warn(warning)
  try {
    const deps = await open(config, log)
    await compileAll(deps.theme)
    const metrics = await serveMetrics(deps)
    const reported = reportSecrets(deps)
    const worker = startWorker(deps)
    log.info('waiting for emails')
    saveCompiledSoon()

    const close = async (): Promise<void> => {
      await worker.close()
      await metrics?.[Symbol.asyncDispose]()
      await reported[Symbol.asyncDispose]()
      await deps[Symbol.asyncDispose]()
    }
    closeOnSignal(log, endTimeoutMs, close)
    const refusal = await worker.refused
    await closeWithin(log, endTimeoutMs, close)
    throw configError(refusal.message)
  } catch (err) {
    exitWithError(log, err)
  }
}
