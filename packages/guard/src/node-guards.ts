import { readFrom, writeTo } from './carrier.ts'
import type { Claims } from './claims.ts'
import { type Guard, type Guards, openGuards, several } from './guards.ts'
import { isPending } from './is-pending.ts'
import type { Answer } from './refusal.ts'

// What the adapters for Node share. Types are structural, so that this file needs no types of Node.

/** A request of `node:http`, with what frameworks add to it. */
export type NodeRequest = {
  readonly headers: { readonly authorization?: string | undefined }
  readonly rawHeaders?: readonly string[]
  auth?: Claims | null
}

type NodeReply = {
  readonly headersSent: boolean
  readonly writeHead: (status: number, headers: Record<string, string>) => { end: (body: string) => unknown }
}

const name = 'authorization'

/**
 * The header `Authorization` of a request. Two of them are refused: Node reads the first, but a proxy in front may have
 * checked the last.
 */
export const authorizationOf = ({ headers, rawHeaders = [] }: NodeRequest) => {
  const { authorization } = headers
  if (authorization === undefined) return undefined
  let times = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const sent = rawHeaders[i]
    if (sent?.length === name.length && sent.toLowerCase() === name) times++
  }
  return times > 1 ? several : authorization
}

export const nodeGuards: Guards<NodeRequest> = openGuards({
  authorization: authorizationOf,
  read: readFrom,
  write: (request, authenticated) => {
    writeTo(request, authenticated)
    request.auth = authenticated.auth
  },
  requestId: request => (request as { id?: unknown }).id,
})

/** Sends the answer, unless something else replied while the guard waited for keys, such as a time limit. */
export const sendAnswer = (reply: NodeReply, { status, headers, body }: Answer): void => {
  if (reply.headersSent) return
  reply.writeHead(status, { ...headers }).end(body)
}

/** Runs a guard, and then exactly one of the three: at once if the guard need not wait. */
export const runGuard = (
  guard: Guard<NodeRequest>,
  request: NodeRequest,
  then: { refuse: (answer: Answer) => void; pass: () => void; fail: (error: unknown) => void },
): void => {
  const end = (answer: Answer | null): void => (answer ? then.refuse(answer) : then.pass())
  let decided: ReturnType<typeof guard>
  try {
    decided = guard(request)
  } catch (error) {
    then.fail(error)
    return
  }
  if (isPending(decided)) void decided.then(end, then.fail)
  else end(decided)
}
