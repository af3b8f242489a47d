import { type Client, openClient, type Reply } from '../client.ts'
import type { Answer, Asking, Options, Street } from './traffic.ts'

/** Longer than any answer may take. */
const clientPatience = 12_000

const errorCode = (error: unknown): string => {
  const { code, message, cause } = error as { code?: unknown; message?: string; cause?: unknown }
  if (cause) return errorCode(cause)
  return typeof code === 'string' ? code : (message ?? 'unknown')
}

const late = (): Promise<never> =>
  new Promise((_, reject) => setTimeout(reject, clientPatience, new Error('NO_ANSWER')).unref())

/** Asks one instance after the other, and writes down what came of it. */
export const openStreet = ({ urls, pace = 60, most = 8000 }: Options, isStopped: () => boolean): Street => {
  const all = typeof urls === 'function' ? urls : () => urls
  const answers: Answer[] = []
  const clients = new Map<string, Client>()
  let turn = 0
  const clientOf = (url: string): Client => {
    const client = clients.get(url) ?? openClient(url)
    clients.set(url, client)
    return client
  }
  const ask = async ({
    who,
    route,
    send,
    url,
    sessionSince = null,
    firstAt,
  }: Asking): Promise<Reply | null> => {
    const known = all()
    const to = url ?? known[turn++ % known.length] ?? ''
    const at = Date.now()
    const began = performance.now()
    const reply = await Promise.race([send(clientOf(to)), late()]).catch(errorCode)
    const ms = Math.round(performance.now() - began)
    const cameBack = typeof reply !== 'string'
    answers.push({
      ...{ who, route, at, ms, sessionSince, firstAt: firstAt ?? at },
      status: cameBack ? reply.status : 0,
      code: cameBack ? (reply.body?.code ?? '') : reply,
      retryAfter: cameBack ? reply.headers.get('retry-after') : null,
    })
    return cameBack ? reply : null
  }
  return {
    answers,
    ledger: { users: [], forgot: new Map(), logins: new Map(), live: new Set(), ended: [] },
    isOver: () => isStopped() || answers.length >= most,
    rest: (time = pace) => new Promise(resolve => setTimeout(resolve, time * (0.5 + Math.random()))),
    ask,
  }
}
