import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import type { Context } from 'koa'
import { Koa } from '../../../src/platform/http/koa.ts'
import { answerFirst, readQueryOnce } from '../../../src/platform/http/koa-patches.ts'
import { processorTime } from '../../processor-time.ts'

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

const readQuery = (text: string, isPatched: boolean): unknown => {
  const app = new Koa()
  if (isPatched) readQueryOnce(app)
  const request = Object.assign(Object.create(app.request), { req: { url: `/?${text}` } })
  return request.query
}

test('any query → the parameters that Koa finds', t => {
  const queries = [
    '',
    'a',
    'a=',
    '=1',
    '&&',
    'a=1&b=2',
    'a=1&b=2&a=3',
    'a=%41%ff+%2B',
    '__proto__=1&__proto__=2',
  ]
  queries.push('constructor=1&toString=2&2=b&1=a', 'a[b]=1&a[]=2', '%=%zz', 'x=😀', '?a=1')
  for (const text of queries) {
    const [own, ofKoa] = [readQuery(text, true), readQuery(text, false)] as [object, object]
    t.deepEqual(Object.entries(own), Object.entries(ofKoa), text)
  }
})

// If Koa is as fast without the patch, remove the patch.
test('a query of 15 kB → read in less than a tenth of the processor time that Koa needs', t => {
  const text = 'a&'.repeat(7500)
  const own = processorTime(() => readQuery(text, true))
  t.true(processorTime(() => readQuery(text, false)) > 10 * own, `${own} ms`)
})

// If Koa or these packages no longer need a table, its name cannot be resolved: remove the patch.
test('Koa has been loaded → it loads a table of types only for a short name', t => {
  const { cache, resolve } = createRequire(import.meta.url)
  const tables = () => Object.keys(cache).filter(path => path.endsWith('/mime-db/db.json')).length
  const koa = createRequire(resolve('koa'))
  const app = new Koa()
  t.is(typeof app.callback(), 'function')
  t.is(tables(), 0)
  t.is(koa('mime-types').contentType('html'), 'text/html; charset=utf-8')
  t.is(tables(), 1)
  t.is(createRequire(koa.resolve('accepts'))('mime-types').lookup('html'), 'text/html')
  t.is(tables(), 2)
})
