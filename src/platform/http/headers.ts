import cors from '@koa/cors'
import type { Context, Middleware, Next } from 'koa'
import helmet from 'koa-helmet'
import { partsOf } from '../base/header-text.ts'
import { isListedOrigin } from '../config/origins.ts'
import { Koa } from './koa.ts'
import { isOAuthRequest } from './oauth-json.ts'
import { type HeaderList, setHeader } from './reply.ts'

/** Security headers of every reply: https only, no sniffing, no frames, no referrer, no resources. */
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

/** The headers that these steps set for a GET request. They depend on nothing but its `Origin`. */
export const recordHeaders = async (steps: readonly Middleware[], origin?: string): Promise<HeaderList> => {
  const recorded: HeaderList = []
  const reply = {
    setHeader: (name: string, value: string) => setHeader(recorded, name, value),
    getHeader: () => undefined,
    removeHeader: () => {},
  }
  const request = { method: 'GET', url: '/', headers: origin === undefined ? {} : { origin } }
  const ctx = new Koa().createContext(request as never, reply as never)
  for (const step of steps) await step(ctx, async () => {})
  return recorded
}

/** Request headers that every allowed page may send. */
const defaultNames = ['Authorization', 'Content-Type', 'Idempotency-Key']
const requestedNames = 'access-control-request-headers'
// RFC 9110, 5.6.2. Some browsers and tracing libraries request a dozen headers.
const headerName = /^[\w!#$%&'*+.^`|~-]{1,64}$/
const maxNames = 64

/** The headers that a page may send: the default ones, and those that it requests, for example for tracing. */
const allowed = (request: string): string => {
  const names = partsOf(request, ',').filter(name => headerName.test(name))
  const more = names.filter(name => !defaultNames.some(each => each.toLowerCase() === name.toLowerCase()))
  return [...defaultNames, ...(names.length <= maxNames ? more : [])].join(', ')
}

/**
 * Lets the scripts of these origins call the API. Their preflight requests are granted every header that they ask for:
 * otherwise a page whose tracing library adds headers could not sign users in. Other origins are granted nothing.
 */
export const crossOrigin = (origins: readonly string[]) => {
  // Without `allowHeaders`, `cors` grants the headers that were requested.
  const answer = cors({
    origin: ctx => {
      const origin = ctx.get('Origin')
      // The secret of a machine client must not be in a page, so no page may call these routes.
      if (isOAuthRequest(ctx)) return ''
      return isListedOrigin(origins, origin) ? origin : ''
    },
    allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposeHeaders: [
      'RateLimit',
      'RateLimit-Policy',
      'Retry-After',
      'WWW-Authenticate',
      'X-Request-Id',
      'Allow',
      'Date',
      'ETag',
      'Location',
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
      ctx.req.headers[requestedNames] = allowed(ctx.get(requestedNames))
    }
    return answer(ctx, next)
  }
}
