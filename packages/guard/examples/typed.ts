// Every entry of the package in TypeScript. A test compiles this file with all strict options.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import Router from '@koa/router'
import { type Claims, createVerifier, TokenError, type UserClaims, type Verifier } from '@latchkey/guard'
import * as viaExpress from '@latchkey/guard/express'
import * as viaFastify from '@latchkey/guard/fastify'
import * as viaFetch from '@latchkey/guard/fetch'
import * as viaHono from '@latchkey/guard/hono'
import * as viaKoa from '@latchkey/guard/koa'
import * as viaNode from '@latchkey/guard/node'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'

const verifier: Verifier = createVerifier({
  issuer: 'https://accounts.example.com',
  audience: process.env.AUDIENCE,
})

const nameOf = (claims: Claims): string => {
  if (claims.sid !== undefined) {
    const user: UserClaims = claims
    return user.email
  }
  return `${claims.client_id} ${claims.scope}`
}
try {
  nameOf(await verifier.verify(''))
} catch (error) {
  if (error instanceof TokenError) {
    const code: 'TOKEN_EXPIRED' | 'INVALID_TOKEN' | 'SESSION_REVOKED' | 'KEYS_UNAVAILABLE' = error.code
    console.log(code, error.retryAfter)
  }
}

new Koa()
  .use(viaKoa.requireAuth(verifier))
  .use(viaKoa.requireFresh(300))
  .use(ctx => {
    const auth: Claims | null = ctx.state.auth
    ctx.body = auth?.sub
  })
const router = new Router()
router.get('/a', viaKoa.requireAuth(verifier), viaKoa.requireAcr('aal2'), ctx => {
  ctx.body = ctx.state.auth?.sub
})

const app = express()
app.use(viaExpress.optionalAuth(verifier))
app.get('/a', viaExpress.requireAuth(verifier), viaExpress.requireRole('admin'), (req, res) => {
  const auth: Claims | null | undefined = req.auth
  res.json({ user: auth?.sub })
})

const fastify = Fastify()
fastify.addHook('onRequest', viaFastify.requireAuth(verifier))
fastify.get(
  '/a',
  { onRequest: [viaFastify.requireAuth(verifier), viaFastify.requireScope('a b')] },
  async request => {
    const auth: Claims | null | undefined = request.auth
    return { user: auth?.sub }
  },
)

const hono = new Hono()
hono.get('/a', viaHono.optionalAuth(verifier), c => {
  const auth: Claims | null = c.get('auth')
  return c.json({ user: auth?.sub })
})
hono.get('/b', viaHono.requireAuth(verifier), viaHono.requireVerified(), c => {
  const auth: UserClaims = c.get('auth')
  return c.json({ user: auth.email })
})
const typed = new Hono<viaHono.AuthEnv>()
typed.use(viaHono.optionalAuth(verifier))
typed.get('/a', c => c.json({ user: c.get('auth')?.sub }))

createServer((request: IncomingMessage, reply: ServerResponse) => {
  viaNode.requireAuth(verifier)(request, reply, () => {
    const { auth }: viaNode.AuthRequest = request
    reply.end(auth?.sub)
  })
})

type NextContext = { params: Promise<{ id: string }> }
export const GET = viaFetch.requireAuth(verifier)(
  viaFetch.requireRole('admin')(
    async (_request: Request, { auth, params }: viaFetch.AuthContext<UserClaims> & NextContext) => {
      const { id } = await params
      return Response.json({ id, user: auth.email })
    },
  ),
)
export const POST = viaFetch.optionalAuth(verifier)((_request, { auth }) => {
  const claims: Claims | null = auth
  return Response.json({ user: claims?.sub })
})
// A framework calls it with its own context, and without one.
const call: (request: Request, context: NextContext) => Promise<Response> = GET
const plain: (request: Request) => Promise<Response> = POST

export { call, plain }

// @ts-expect-error there is no such level
viaKoa.requireAcr('aal9')
