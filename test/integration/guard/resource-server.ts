import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa, { type Middleware } from 'koa'
import {
  type AuthState,
  optionalAuth,
  requireAcr,
  requireAuth,
  requireFresh,
  requireRole,
  requireScope,
  requireVerified,
} from '../../../packages/guard/src/koa.ts'
import type { Verifier } from '../../../packages/guard/src/verifier.ts'
import { type Client, openClient } from '../../client.ts'

/** A service that protects its routes with the guard. Each route returns the claims of the request. */
export type ResourceServer = AsyncDisposable & { url: string; client: Client; errors: unknown[] }

export const openResourceServer = async (verifier: Verifier): Promise<ResourceServer> => {
  const guards: Record<string, Middleware<AuthState>[]> = {
    '/closed': [requireAuth(verifier)],
    '/open': [optionalAuth(verifier)],
    '/verified': [requireAuth(verifier), requireVerified()],
    '/admin': [requireAuth(verifier), requireRole('admin')],
    '/open-admin': [optionalAuth(verifier), requireRole('admin')],
    '/fresh': [requireAuth(verifier), requireFresh(600)],
    '/aal2': [requireAuth(verifier), requireAcr('aal2')],
    '/scope': [requireAuth(verifier), requireScope('users:read')],
    '/forgotten': [requireRole('admin')],
  }
  const app = new Koa<AuthState>()
  const errors: unknown[] = []
  app.on('error', error => errors.push(error))
  for (const [path, chain] of Object.entries(guards))
    for (const each of chain) app.use((ctx, next) => (ctx.path === path ? each(ctx, next) : next()))
  app.use(ctx => {
    ctx.body = { auth: ctx.state.auth }
  })
  const server = createServer(app.callback())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    client: openClient(url),
    errors,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
