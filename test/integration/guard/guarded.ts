import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa, { type Middleware } from 'koa'
import {
  type AuthState,
  optionalAuth,
  requireAuth,
  requireRole,
  requireVerified,
} from '../../../src/guard/koa.ts'
import type { Verifier } from '../../../src/guard/verifier.ts'
import { type Client, openClient } from '../../client.ts'

/** Another team's service, whose routes are guarded. Each that lets a request pass answers with its claims. */
export type Guarded = AsyncDisposable & { url: string; client: Client; faults: unknown[] }

export const openGuarded = async (verifier: Verifier): Promise<Guarded> => {
  const guards: Record<string, Middleware<AuthState>[]> = {
    '/closed': [requireAuth(verifier)],
    '/open': [optionalAuth(verifier)],
    '/verified': [requireAuth(verifier), requireVerified()],
    '/admin': [requireAuth(verifier), requireRole('admin')],
    '/open-admin': [optionalAuth(verifier), requireRole('admin')],
    '/forgotten': [requireRole('admin')],
  }
  const app = new Koa<AuthState>()
  const faults: unknown[] = []
  app.on('error', fault => faults.push(fault))
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
    faults,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
