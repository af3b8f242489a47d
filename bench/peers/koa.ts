import { createServer } from 'node:http'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { type AuthState, requireAuth } from '../../packages/guard/src/koa.ts'
import { createVerifier } from '../../packages/guard/src/verifier.ts'
import { crossOrigin, securityHeaders } from '../../src/platform/http/headers.ts'

// A resource server on the stack of Latchkey itself, with and without its guard in front of one route, so that the
// difference is the guard alone.

const { PORT, GUARD, ISSUER = '', KEYS_URL = '' } = process.env

const router = new Router({ strict: true, sensitive: true })
router.get('/guarded', (ctx: Context) => {
  const { auth } = ctx.state as Partial<AuthState>
  ctx.body = JSON.stringify({ id: auth?.sub ?? '018f0000-0000-7000-8000-000000000000' })
  ctx.type = 'application/json'
})

const app = new Koa()
app.use(securityHeaders())
app.use(crossOrigin([]))
if (GUARD)
  app.use(requireAuth(createVerifier({ issuer: ISSUER, fetch: (_url, init) => fetch(KEYS_URL, init) })))
app.use(router.routes())
createServer(app.callback()).listen(Number(PORT), '127.0.0.1')
