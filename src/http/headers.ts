import cors from '@koa/cors'
import helmet from 'koa-helmet'

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

/** Lets the scripts of these origins, matched exactly, call the API. */
export const crossOrigin = (origins: readonly string[]) =>
  cors({
    origin: ctx => {
      const origin = ctx.get('Origin')
      return origins.includes(origin) ? origin : ''
    },
    allowMethods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key'],
    exposeHeaders: ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
    credentials: true,
    maxAge: 600,
    keepHeadersOnError: false,
  })
