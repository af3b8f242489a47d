import type { IncomingMessage } from 'node:http'
import type { Context, Next } from 'koa'
import { partsOf, timesSent } from '../base/header-text.ts'
import { Problem } from '../catalog/problems.ts'
import type { Server } from './node-http.ts'
import { sendProblem } from './send-problem.ts'

// Checks of the request head that HTTP/1.1 requires. Node would refuse some invalid heads with a reply that has no body and
// none of our headers, and accept others.

const hostMessage = 'HTTP/1.1 asks for this header, once.'

// Reject two Host headers: Node reads the first, but a proxy in front may have used the last (RFC 9112, 3.2).
const hostProblem = ({ rawHeaders, headers, httpVersionMinor }: IncomingMessage): Problem | null => {
  const isThere = headers.host !== undefined
  if (isThere ? timesSent(rawHeaders, 'host') === 1 : httpVersionMinor === 0) return null
  return new Problem('VALIDATION_ERROR', { errors: [{ path: 'Host', rule: 'host', message: hostMessage }] })
}

// RFC 9110, 10.1.1. The header is ignored in a request of HTTP/1.0.
const isMet = ({ headers: { expect }, httpVersionMinor }: IncomingMessage): boolean =>
  expect === undefined ||
  httpVersionMinor === 0 ||
  partsOf(expect, ',').every(each => each.toLowerCase() === '100-continue')

// Reading the path of a target that is neither a path nor a URL (`http://[::/`) would throw.
const isReadable = ({ url = '' }: IncomingMessage): boolean => url.startsWith('/') || URL.canParse(url)

/** Whether `checkHead` lets a request pass whose target is a path. Any expectation is left to it. */
export const hasPlainHead = (req: IncomingMessage): boolean =>
  req.headers.expect === undefined && hostProblem(req) === null

const refuse = (ctx: Context, problem: Problem): void => {
  // `crossOrigin` sets this on every request that passes this check.
  ctx.vary('Origin')
  sendProblem(ctx, problem)
}

/** Refuses a request with an invalid head before it reaches a route. */
export const checkHead = (ctx: Context, next: Next): Promise<void> | void => {
  const { req } = ctx
  const problem = hostProblem(req) ?? (isMet(req) ? null : new Problem('EXPECTATION_FAILED'))
  if (problem) {
    // The client may or may not send the body next, so the next bytes cannot be read as a request.
    ctx.set('Connection', 'close')
    return refuse(ctx, problem)
  }
  // Koa finds no path in a URL whose host has more than 255 characters.
  const hasPath = isReadable(req) && typeof ctx.path === 'string'
  return hasPath ? next() : refuse(ctx, new Problem('NOT_FOUND'))
}

/** Passes requests with an `Expect` header to the app like all others: `checkHead` refuses unknown expectations. */
export const handleExpectHeader = (server: Server): Server =>
  server
    .on('checkContinue', (request, reply) => {
      if (isMet(request)) reply.writeContinue()
      server.emit('request', request, reply)
    })
    .on('checkExpectation', (request, reply) => server.emit('request', request, reply))
