import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import { shopCounters } from '../catalog/metrics.ts'
import { shopConfig } from '../catalog/variables.ts'

/** For both attempts together, because a request must be answered within 5 s. */
const timeoutMs = 3500

type Needs = Pick<Deps, 'config' | 'log' | 'metrics'>

/** A request to the gateway. `schema` is the shape of its reply. */
type GatewayRequest<S> = { method: 'GET' | 'POST'; path: string; body?: object; key?: string; schema: S }

const gatewayError = (code: string): Error =>
  Object.assign(new Error('the payment gateway request failed'), { code })

const connectionErrors =
  /^(?:ECONNREFUSED|ECONNRESET|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|UND_ERR_SOCKET)$/

const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return ''
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : codeOf(error.cause)
}

const send = async <S extends v.GenericSchema>(
  deps: Needs,
  { method, path, body, key, schema }: GatewayRequest<S>,
  signal: AbortSignal,
): Promise<v.InferOutput<S>> => {
  const config = shopConfig(deps.config)
  const reply = await fetch(`${config.RECURRENTE_URL}${path}`, {
    method,
    signal,
    redirect: 'error',
    headers: {
      'X-PUBLIC-KEY': config.RECURRENTE_PUBLIC_KEY ?? '',
      'X-SECRET-KEY': config.RECURRENTE_SECRET_KEY ?? '',
      Accept: 'application/json',
      ...(body && { 'Content-Type': 'application/json' }),
      ...(key && { 'Idempotency-Key': key }),
    },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await reply.text()
  if (!reply.ok) throw gatewayError(`HTTP_${reply.status}`)
  const parsed = v.safeParse(schema, JSON.parse(text))
  if (!parsed.success) throw gatewayError('NOT_UNDERSTOOD')
  return parsed.output
}

/**
 * Calls the API of the payment gateway (https://docs.recurrente.com) and retries once if the connection fails, within 3.5 s
 * in all. Returns 'gone' if a GET finds nothing. Returns null if the gateway does not answer, refuses, or sends another
 * shape than `schema`: the log then has the reason, but nothing of the request or the reply.
 */
export const callGateway = async <S extends v.GenericSchema>(
  deps: Needs,
  request: GatewayRequest<S>,
): Promise<v.InferOutput<S> | 'gone' | null> => {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    return await send(deps, request, signal).catch(async error => {
      if (!connectionErrors.test(codeOf(error))) throw error
      await sleep(100)
      return send(deps, request, signal)
    })
  } catch (error) {
    if (request.method === 'GET' && codeOf(error) === 'HTTP_404') return 'gone'
    deps.metrics.count(shopCounters.gateway_failures)
    const fault = codeOf(error) || (error instanceof Error ? error.name : 'unknown')
    deps.log.warn({ fault, method: request.method }, 'the payment gateway request failed')
    return null
  }
}
