import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import Koa, { type Context } from 'koa'
import { answerFirst } from '../../../src/platform/http/koa-patches.ts'

const watchers = ({ res }: Context): number => res.listenerCount('finish') + res.listenerCount('end')

// If Koa adds no listeners without the patch, remove the patch.
test('a request → Koa adds listeners and runs its steps, unless it is answered first', async t => {
  const app = new Koa()
  app.use(ctx => {
    ctx.body = { by: 'steps', watchers: watchers(ctx) }
  })
  answerFirst(app, ctx => {
    if (ctx.path !== '/first') return null
    ctx.res.end(JSON.stringify({ by: 'first', watchers: watchers(ctx) }))
    return Promise.resolve()
  })
  const server = createServer(app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ask = async (path: string) =>
    (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as { by: string; watchers: number }
  const [first, other] = [await ask('/first'), await ask('/other')]
  server.close()
  server.closeAllConnections()
  t.is(first.by, 'first')
  t.is(other.by, 'steps')
  t.true(other.watchers > first.watchers)
})
