import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Tally } from './soak-tally.ts'

/** `status` 0: no answer. */
export type Answer = {
  status: number
  headers: IncomingHttpHeaders
  text: string
  body: ReturnType<typeof JSON.parse>
}

export type Question = {
  /** Below `/api/v1/auth/`. */
  path: string
  method?: string
  body?: unknown
  form?: Record<string, string>
  token?: string | undefined
  agent?: string
  /** What the route is called in the report, where the path will not do. */
  as?: string
  hostile?: boolean
}

export type Ask = (question: Question) => Promise<Answer>

const timeoutMs = 15_000

const contentOf = ({ body, form }: Question): { content: string; type: string } | null => {
  if (form) return { content: String(new URLSearchParams(form)), type: 'application/x-www-form-urlencoded' }
  if (body === undefined) return null
  return { content: typeof body === 'string' ? body : JSON.stringify(body), type: 'application/json' }
}

const parsed = (content: string, type = ''): Answer['body'] =>
  /json/.test(type) ? JSON.parse(content) : null

/** Sends requests to the balancer and tallies every one. Resolves also where no answer comes. */
export const openAsk = (port: number, tally: Tally): { ask: Ask } & Disposable => {
  const agent = new Agent({ keepAlive: true, timeout: 20_000 })
  const exchange = (question: Question): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { path, method = 'POST', token, agent: userAgent = 'soak/1.0' } = question
      const sent = contentOf(question)
      const headers = {
        'user-agent': userAgent,
        ...(sent && { 'content-type': sent.type, 'content-length': Buffer.byteLength(sent.content) }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      }
      const target = { host: '127.0.0.1', port, path: `/api/v1/auth/${path}`, method, headers, agent }
      const outgoing = request(target, reply => {
        text(reply).then(content => {
          const { statusCode: status = 0, headers } = reply
          resolve({ status, headers, text: content, body: parsed(content, headers['content-type']) })
        }, reject)
      })
      const timer = setTimeout(() => outgoing.destroy(new Error('no answer')), timeoutMs)
      outgoing.on('close', () => clearTimeout(timer))
      outgoing.on('error', reject).end(sent?.content)
    })

  const ask: Ask = async question => {
    const { path, method = 'POST', as = path, hostile = false } = question
    const route = `${hostile ? 'hostile ' : ''}${method} ${as}`
    const began = tally.now()
    try {
      const answer = await exchange(question)
      tally.answered(route, String(answer.status), began, String(answer.headers['x-request-id'] ?? ''))
      return answer
    } catch (fault) {
      const { code = 'none' } = fault as { code?: string }
      tally.answered(route, code, began)
      return { status: 0, headers: {}, text: '', body: null }
    }
  }
  return { ask, [Symbol.dispose]: () => agent.destroy() }
}
