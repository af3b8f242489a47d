import cors from '@koa/cors'
import type { Context, Next } from 'koa'
import helmet from 'koa-helmet'
import { partsOf } from '../base/header-text.ts'
import { isOneOf } from '../config/origins.ts'

/** What every reply says to a browser: https alone, no sniffing, no frames, no referrer, nothing to load. */
export const securityHeaders = () =>
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: true },
    xFrameOptions: { action: 'deny' },
  })

/** What pages need in any case. */
const usual = ['Authorization', 'Content-Type', 'Idempotency-Key']
const asked = 'access-control-request-headers'
// RFC 9110, 5.6.2. Some browsers and tracing libraries ask for a dozen.
const headerName = /^[\w!#$%&'*+.^`|~-]{1,64}$/
const namesAtMost = 64

/** The headers that a page may send: the usual ones, and those that it asks for, as tracing and error reporting do. */
const allowed = (request: string): string => {
  const names = partsOf(request, ',').filter(name => headerName.test(name))
  const more = names.filter(name => !usual.some(each => each.toLowerCase() === name.toLowerCase()))
  return [...usual, ...(names.length <= namesAtMost ? more : [])].join(', ')
}

/**
 * Lets the scripts of these origins call the API. A preflight of theirs is granted each header that it asks for: a page that
 * an instrumentation has added headers to could not sign anybody in otherwise. Other origins are granted nothing.
 */
export const crossOrigin = (origins: readonly string[]) => {
  // Without `allowHeaders` it answers with what was asked for.
  const answer = cors({
    origin: ctx => {
      const origin = ctx.get('Origin')
      return isOneOf(origins, origin) ? origin : ''
    },
    allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposeHeaders: [
      ...['RateLimit', 'RateLimit-Policy', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
      ...['Allow', 'Date', 'Location'],
    ],
    credentials: true,
    maxAge: 600,
    privateNetworkAccess: true,
    keepHeadersOnError: false,
  })
  return (ctx: Context, next: Next): Promise<void> => {
    if (ctx.method === 'OPTIONS') {
      ctx.vary('Access-Control-Request-Method')
      ctx.vary('Access-Control-Request-Headers')
      ctx.req.headers[asked] = allowed(ctx.get(asked))
    }
    return answer(ctx, next)
  }
}
