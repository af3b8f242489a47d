import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import { shopCounters } from '../catalog/metrics.ts'
import { shopConfig } from '../catalog/variables.ts'

/** For both attempts together: a request waits no longer for all its stores, and must be answered within 5 s. */
const timeoutMs = 3500

type Needs = Pick<Deps, 'config' | 'log' | 'metrics'>

type Question<S> = { method: 'GET' | 'POST'; path: string; body?: object; key?: string; answer: S }

const fault = (code: string): Error => Object.assign(new Error('the gateway did not serve'), { code })

const refusedConnection =
  /^(?:ECONNREFUSED|ECONNRESET|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|UND_ERR_SOCKET)$/

const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return ''
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : codeOf(error.cause)
}

const ask = async <S extends v.GenericSchema>(
  deps: Needs,
  { method, path, body, key, answer }: Question<S>,
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
  if (!reply.ok) throw fault(`HTTP_${reply.status}`)
  const read = v.safeParse(answer, JSON.parse(text))
  if (!read.success) throw fault('NOT_UNDERSTOOD')
  return read.output
}

/**
 * Asks the payment gateway: a second time where the first met no connection, and for 3.5 s in all. Null where it did not
 * answer, or refused, or said what is no `answer`; the log has why, and nothing of what was sent or said. `'gone'` where
 * there is nothing to read.
 * https://docs.recurrente.com
 */
export const askGateway = async <S extends v.GenericSchema>(
  deps: Needs,
  question: Question<S>,
): Promise<v.InferOutput<S> | 'gone' | null> => {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    return await ask(deps, question, signal).catch(async error => {
      if (!refusedConnection.test(codeOf(error))) throw error
      await sleep(100)
      return ask(deps, question, signal)
    })
  } catch (error) {
    if (question.method === 'GET' && codeOf(error) === 'HTTP_404') return 'gone'
    deps.metrics.count(shopCounters.gateway_failures)
    const why = codeOf(error) || (error instanceof Error ? error.name : 'unknown')
    deps.log.warn({ fault: why, method: question.method }, 'the payment gateway did not serve')
    return null
  }
}
