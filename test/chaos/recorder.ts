import { type Client, openClient, type Reply } from '../client.ts'

// Sends the requests of every client of a load and records what came of each.

/** An honest client, an attacker, or the rig itself. */
export type Actor = 'honest' | 'hostile' | 'probe'

export type ApiRequest = {
  /** Below `/api/v1/auth/`, or absolute with a leading slash. */
  path: string
  /** POST by default. */
  method?: string
  body?: unknown
  form?: Record<string, string>
  token?: string | undefined
  userAgent?: string
  /** The name of the route in reports. By default it is the path. */
  route?: string
  /** The instance to ask. By default the instances take turns. */
  url?: string
}

/** Facts about a request that its answer is judged by. */
type Context = {
  actor: Actor
  /** What an attacker tries. */
  attempt?: string
  /** When the session began that the request is about. */
  sessionSince?: number | null
  /** When the same request was first sent. */
  firstAt?: number
}

export type Answer = Required<Context> & {
  method: string
  route: string
  /** 0 where no answer came; `code` is then the error of the connection, or NO_ANSWER. */
  status: number
  code: string
  requestId: string
  retryAfter: string | null
  /** When the request was sent, in milliseconds since 1970, and how long its answer took. */
  at: number
  ms: number
}

export type Recorder = {
  /** Null where no answer came. */
  request: (request: ApiRequest & Context) => Promise<Reply | null>
}

/** Longer than any answer may take. */
const answerTimeoutMs = 15_000

const errorCode = (error: unknown): string => {
  const { code, message, cause } = error as { code?: unknown; message?: string; cause?: unknown }
  if (cause) return errorCode(cause)
  return typeof code === 'string' ? code : (message ?? 'unknown')
}

const send = (client: Client, request: ApiRequest): Promise<Reply> => {
  const { path, method = 'POST', body, form, token, userAgent } = request
  const headers: Record<string, string> = {}
  if (form) headers['content-type'] = 'application/x-www-form-urlencoded'
  if (userAgent) headers['user-agent'] = userAgent
  return client.send(method, path, { body: form ? String(new URLSearchParams(form)) : body, token, headers })
}

const withTimeout = async (reply: Promise<Reply>): Promise<Reply | string> => {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<string>(resolve => {
    timer = setTimeout(resolve, answerTimeoutMs, 'NO_ANSWER')
  })
  return Promise.race([reply.catch(errorCode), timeout]).finally(() => clearTimeout(timer))
}

type Options = {
  /** The instances to ask. A function, because instances start and stop. */
  urls: () => string[]
  onAnswer: (answer: Answer) => void
}

export const openRecorder = ({ urls, onAnswer }: Options): Recorder => {
  const clients = new Map<string, Client>()
  let turn = 0
  const clientOf = (url: string): Client => {
    const client = clients.get(url) ?? openClient(url)
    clients.set(url, client)
    return client
  }
  return {
    request: async request => {
      const known = urls()
      const url = request.url ?? known[turn++ % known.length] ?? ''
      const at = Date.now()
      const began = performance.now()
      const reply = await withTimeout(send(clientOf(url), request))
      const ms = performance.now() - began
      const { actor, attempt = '', sessionSince = null, firstAt = at, method = 'POST', path } = request
      const route = request.route ?? path.replace(/^\//, '')
      const about = { actor, attempt, sessionSince, firstAt, method, route, at, ms }
      if (typeof reply === 'string') {
        onAnswer({ ...about, status: 0, code: reply, requestId: '', retryAfter: null })
        return null
      }
      const { status, body, headers } = reply
      const requestId = headers.get('x-request-id') ?? ''
      const retryAfter = headers.get('retry-after')
      onAnswer({ ...about, status, code: body?.code ?? '', requestId, retryAfter })
      return reply
    },
  }
}
