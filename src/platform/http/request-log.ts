import { randomUUID } from 'node:crypto'
import type { Context } from 'koa'
import type { Deps } from '../../deps.ts'
import { basePath } from '../base/base-path.ts'
import type { Log } from '../base/log.ts'
import { storeOf } from '../base/store-errors.ts'
import { counters } from '../catalog/metrics.ts'
import type { Problem } from '../catalog/problems.ts'
import { behindProxy } from './client.ts'
import { problemOf } from './problem-json.ts'
import { warnOfUntrustedProxy } from './untrusted-proxy.ts'

const requestIdShape = /^[\w-]{8,64}$/

/** Names requests and reports them: in the log, and in the metrics. */
export const openRequestLog = ({ log, config, metrics }: Pick<Deps, 'log' | 'config' | 'metrics'>) => {
  const base = basePath(config.PUBLIC_URL)
  const watchProxies = warnOfUntrustedProxy({ log, config })
  // Without redaction, as it costs three times as much as the line itself, and this line has only the fields named below.
  const lines = log.child({}, { redact: [] })
  return {
    /** Gives a request its id and its logger, in `ctx.state`. */
    begin: (ctx: Context): void => {
      watchProxies(ctx.req)
      const sentId = behindProxy(ctx.req, config.TRUSTED_PROXIES) ? ctx.get('X-Request-Id') : ''
      const requestId = requestIdShape.test(sentId) ? sentId : randomUUID()
      ctx.state = { requestId, base, log: logOf(log, requestId) }
    },
    /** The problem of an error that a request met. An unexpected error and a fault of a store are logged. */
    problemOf: (error: unknown, requestLog: Log): Problem => {
      const problem = problemOf(error)
      if (problem.code === 'INTERNAL_ERROR') requestLog.error({ err: error }, 'request failed')
      if (problem.code === 'SERVICE_UNAVAILABLE') {
        const store = storeOf(error)
        metrics.count(counters.faults, { store })
        requestLog.warn({ err: error, store }, 'request met a fault')
      }
      return problem
    },
    /** Reports the end of a request. `route` is undefined if there is no such route. */
    end: (ctx: Context, route: string | undefined, startedAt: number): void => {
      const durationMs = performance.now() - startedAt
      const { method } = ctx.req
      const status = ctx.res.statusCode
      const ms = Math.round(durationMs * 10) / 10
      lines.info({ request_id: ctx.state.requestId, method, route: route ?? null, status, ms }, 'request')
      // Without a route, the method could be any text of the client, and each would create a time series.
      const labels = { method: route && method ? method : '', route: route ?? '', status: String(status) }
      metrics.count(counters.http_requests, labels)
      metrics.timed(labels.route, durationMs / 1000)
    },
  }
}

export type RequestLog = ReturnType<typeof openRequestLog>

/** A logger that names the request in each line. It is created at the first line, as most requests write only the last one. */
const logOf = (log: Log, requestId: string): Log => {
  let own: Log | undefined
  return new Proxy(log, {
    get: (_, name) => {
      own ??= log.child({ request_id: requestId })
      return Reflect.get(own, name)
    },
  })
}
