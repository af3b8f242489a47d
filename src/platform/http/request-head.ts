import type { IncomingMessage } from 'node:http'
import type { Context, Next } from 'koa'
import { partsOf, timesSent } from '../base/header-text.ts'
import { Problem } from '../catalog/problems.ts'
import type { Server } from './node-http.ts'
import { sendProblem } from './serve.ts'

// What HTTP/1.1 asks of the head of a request. Node refuses some of it by itself, with a reply that has no body and none of
// our headers, and lets other of it pass.

const hostMessage = 'HTTP/1.1 asks for this header, once.'

// Of two hosts Node keeps the first, a proxy before it perhaps the last (RFC 9112, 3.2).
const hostFault = ({ rawHeaders, headers, httpVersionMinor }: IncomingMessage): Problem | null => {
  const isThere = headers.host !== undefined
  if (isThere ? timesSent(rawHeaders, 'host') === 1 : httpVersionMinor === 0) return null
  return new Problem('VALIDATION_ERROR', { errors: [{ path: 'Host', rule: 'host', message: hostMessage }] })
}

// RFC 9110, 10.1.1. A request of HTTP/1.0 expects nothing, whatever it says.
const isMet = ({ headers: { expect }, httpVersionMinor }: IncomingMessage): boolean =>
  expect === undefined ||
  httpVersionMinor === 0 ||
  partsOf(expect, ',').every(each => each.toLowerCase() === '100-continue')

// A target that is neither a path nor an address (`http://[::/`) would fail wherever its path is asked for.
const isReadable = ({ url = '' }: IncomingMessage): boolean => url.startsWith('/') || URL.canParse(url)

const refuse = (ctx: Context, problem: Problem): void => {
  // Of a request that goes on, `crossOrigin` says so.
  ctx.vary('Origin')
  sendProblem(ctx, problem)
}

/** Refuses a request whose head no route can answer. */
export const checkHead = (ctx: Context, next: Next): Promise<void> | void => {
  const { req } = ctx
  const broken = hostFault(req) ?? (isMet(req) ? null : new Problem('EXPECTATION_FAILED'))
  if (broken) {
    // Whether the body still comes is not known, so what comes next cannot be read as a request.
    ctx.set('Connection', 'close')
    return refuse(ctx, broken)
  }
  return isReadable(req) ? next() : refuse(ctx, new Problem('NOT_FOUND'))
}

/** Hands requests with an `Expect` header on like all others: `checkHead` refuses what it does not know. */
export const takeExpectations = (server: Server): Server =>
  server
    .on('checkContinue', (request, reply) => {
      if (isMet(request)) reply.writeContinue()
      server.emit('request', request, reply)
    })
    .on('checkExpectation', (request, reply) => server.emit('request', request, reply))
