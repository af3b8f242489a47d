import cluster, { type Worker } from 'node:cluster'
import { reportSecrets } from '../../features/app-secret/report-secrets.ts'
import { open } from '../../open.ts'
import type { Log } from '../../platform/base/log.ts'
import type { Config } from '../../platform/config/config.ts'
import { addStoreGauges, serveMetrics } from '../../platform/health/metrics.ts'
import type { Report } from '../../platform/metrics/metrics.ts'
import { saveCompiledSoon } from '../save-compiled.ts'
import { closeOnSignal, closeWithin } from '../shutdown.ts'
import { drainGraceMs, endTimeoutMs, startApi } from './server.ts'

/** What a process sends to the primary: that it is about to end and needs a replacement, or its metrics. */
export type ChildMessage = { leaving: true } | { report: Report }

/** What the primary sends to a process: finish your requests and end, or report your metrics. */
export type ParentMessage = 'drain' | 'report'

/** Serves the API until a signal: alone on its port, or beside the other processes of a primary. */
export const run = (config: Config, log: Log): Promise<void> =>
  cluster.worker ? serveBesideOthers(cluster.worker, config, log) : serveAlone(config, log)

const serveAlone = async (config: Config, log: Log): Promise<void> => {
  const deps = await open(config, log)
  const metrics = await serveMetrics(deps)
  const api = await startApi(deps, { graceMs: drainGraceMs })
  const reported = reportSecrets(deps)
  log.info({ port: api.port, url: config.PUBLIC_URL }, 'listening')
  saveCompiledSoon()
  closeOnSignal(log, endTimeoutMs, async () => {
    await api.close()
    await metrics?.[Symbol.asyncDispose]()
    await reported[Symbol.asyncDispose]()
    await deps[Symbol.asyncDispose]()
  })
}

const serveBesideOthers = async (self: Worker, config: Config, plainLog: Log): Promise<void> => {
  const log = plainLog.child({ pid: process.pid })
  // Ctrl-C sends SIGINT to every process of the terminal. The primary gets it too and drains this process.
  process.on('SIGINT', () => {})
  const deps = await open(config, log)
  addStoreGauges(deps)
  const api = await startApi(deps, { graceMs: drainGraceMs })
  const reported = reportSecrets(deps)

  saveCompiledSoon()

  // Resolves even if the primary is gone: sending is then pointless, and no error.
  const send = (message: ChildMessage): Promise<void> =>
    new Promise(resolve => {
      if (!self.isConnected()) resolve()
      else self.send(message, () => resolve())
    })
  const report = async () => send({ report: await deps.metrics.report() })

  let isEnding = false
  const end = async (options: { quietly: boolean }): Promise<void> => {
    const drained = api.close(options)
    if (isEnding) return
    isEnding = true
    const code = await closeWithin(log, endTimeoutMs, async () => {
      await drained
      await report()
      await reported[Symbol.asyncDispose]()
      await deps[Symbol.asyncDispose]()
    })
    process.exit(code)
  }
  process.on('SIGTERM', async signal => {
    if (isEnding) return
    log.info({ signal }, 'closing')
    await send({ leaving: true })
    await end({ quietly: true })
  })
  self.on('message', (message: ParentMessage) => (message === 'drain' ? end({ quietly: false }) : report()))
  self.on('disconnect', () => {
    // Otherwise Node exits here at once and drops the requests in progress.
    self.exitedAfterDisconnect = true
    if (!isEnding) log.warn('the primary process is gone: closing')
    end({ quietly: false })
  })
}
