import cluster, { type Worker } from 'node:cluster'
import { open } from '../../deps.ts'
import type { Log } from '../../platform/base/log.ts'
import type { Config } from '../../platform/config/config.ts'
import { closed, closeOnSignal } from '../../platform/config/shutdown.ts'
import { addStoreGauges, serveMetrics } from '../../platform/health/metrics.ts'
import type { Report } from '../../platform/metrics/metrics.ts'
import { drainGrace, endTimeoutMs, startApi } from './server.ts'

/** What a process tells the primary: that it ends and wants to be replaced, or what it has counted. */
export type Told = { leaving: true } | { report: Report }

/** What the primary tells: that all end, or that it wants to know what was counted. */
export type Order = 'drain' | 'report'

/** Serves until it is told to end: alone on its port, or as one of those that a primary started. */
export const run = (config: Config, log: Log): Promise<void> =>
  cluster.worker ? serveBesideOthers(cluster.worker, config, log) : serveAlone(config, log)

const serveAlone = async (config: Config, log: Log): Promise<void> => {
  const deps = await open(config, log)
  const metrics = await serveMetrics(deps)
  const api = await startApi(deps, { grace: drainGrace })
  log.info({ port: api.port, url: config.PUBLIC_URL }, 'listening')
  closeOnSignal(log, endTimeoutMs, async () => {
    await api.close()
    await metrics?.[Symbol.asyncDispose]()
    await deps[Symbol.asyncDispose]()
  })
}

const serveBesideOthers = async (self: Worker, config: Config, plainLog: Log): Promise<void> => {
  const log = plainLog.child({ pid: process.pid })
  // A terminal tells every process of its group; whoever stops the service tells the primary, and perhaps all as well.
  process.on('SIGINT', () => {})
  const deps = await open(config, log)
  addStoreGauges(deps)
  const api = await startApi(deps, { grace: drainGrace })

  // A primary that is gone hears nothing, and that is no fault here.
  const tell = (told: Told): Promise<void> =>
    new Promise(resolve => {
      if (!self.isConnected()) resolve()
      else self.send(told, () => resolve())
    })
  const report = async () => tell({ report: await deps.metrics.report() })

  let ending = false
  const end = async (how: { quietly: boolean }): Promise<void> => {
    const drained = api.close(how)
    if (ending) return
    ending = true
    const code = await closed(log, endTimeoutMs, async () => {
      await drained
      await report()
      await deps[Symbol.asyncDispose]()
    })
    process.exit(code)
  }
  process.on('SIGTERM', async signal => {
    if (ending) return
    log.info({ signal }, 'closing')
    await tell({ leaving: true })
    await end({ quietly: true })
  })
  self.on('message', (order: Order) => (order === 'drain' ? end({ quietly: false }) : report()))
  self.on('disconnect', () => {
    // Node would end the process here, with all that it has in flight.
    self.exitedAfterDisconnect = true
    if (!ending) log.warn('the primary process is gone')
    end({ quietly: false })
  })
}
