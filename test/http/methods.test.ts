import test from 'ava'
import { codes, problemSlug } from '../../src/base/problems.ts'
import { routes } from '../../src/routes.ts'
import { openWorld } from '../world.ts'
import { faultOf } from './bodied-routes.ts'
import { sendRaw } from './raw.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const ask = (method: string, path: string) =>
  sendRaw(world.url, [`${method} ${path} HTTP/1.1`, 'Host: latchkey.test'])

const pages = ['/docs', '/redoc', '/openapi.json', `/problems/${problemSlug(codes[0] ?? 'NOT_FOUND')}`]
const served = Map.groupBy(
  [...routes(() => false), ...pages.map(path => ({ method: 'GET', path }))],
  ({ path }) => path,
)
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'LINK']

for (const [path, found] of served)
  test(`${path} takes its own methods, and names them to those who use another`, async t => {
    const taken = found.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).sort()
    for (const method of methods.filter(one => !taken.includes(one))) {
      const reply = await ask(method, path)
      t.is(reply.status, 405, method)
      t.is(reply.headers.allow, taken.join(', '))
      if (method === 'HEAD') continue
      t.is(faultOf(reply), null, method)
      t.is((reply.body as { code: string }).code, 'METHOD_NOT_ALLOWED')
    }
    const options = await ask('OPTIONS', path)
    t.deepEqual([options.status, options.text], [204, ''])
    t.is(options.headers.allow, taken.join(', '))
  })

test('the front door shows the documentation to those who look, and does nothing else', async t => {
  for (const method of ['GET', 'HEAD']) {
    const { status, headers } = await ask(method, '/')
    t.deepEqual([status, headers.location], [303, '/docs'])
  }
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'])
    t.is((await ask(method, '/')).status, 405, method)
})

test('what is not there is not there for any method', async t => {
  for (const method of [...methods, 'OPTIONS'].filter(one => one !== 'HEAD'))
    for (const path of [
      '/nowhere',
      '/api',
      '/api/v1',
      '/api/v1/auth',
      '/problems/nothing',
      '/favicon.ico',
      '*',
    ]) {
      const reply = await ask(method, path)
      t.is(reply.status, 404, `${method} ${path}`)
      t.is(faultOf(reply), null)
      t.is((reply.body as { code: string }).code, 'NOT_FOUND')
    }
})

test('nothing but its own files is served', async t => {
  for (const path of [
    '/package.json',
    '/.env',
    '/.git/config',
    '/docs/../package.json',
    '/docs/%2e%2e/package.json',
    '/docs/..%2f..%2fpackage.json',
    '/redoc/package.json',
    '/docs/__proto__',
    '/constructor',
    '/problems/__proto__',
  ])
    t.is((await ask('GET', path)).status, 404, path)
})

test('HEAD tells what GET would say, without saying it', async t => {
  for (const path of [
    ...pages,
    '/livez',
    '/.well-known/paseto-keys',
    '/api/v1/auth/verify-email?token=x',
    '/nowhere',
  ]) {
    const [got, head] = [await ask('GET', path), await ask('HEAD', path)]
    t.is(head.text, '', path)
    t.is(head.status, got.status, path)
    const fixed = (headers: Record<string, string>) =>
      Object.entries(headers).filter(([name]) => !['date', 'x-request-id'].includes(name))
    t.deepEqual(fixed(head.headers), fixed(got.headers), path)
  }
  t.is((await ask('HEAD', '/api/v1/auth/me')).status, 401)
})
