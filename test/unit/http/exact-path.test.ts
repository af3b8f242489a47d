import test from 'ava'
import Koa from 'koa'
import { answerExactPath } from '../../../src/platform/http/exact-path.ts'
import { crossOrigin, recordHeaders, securityHeaders } from '../../../src/platform/http/headers.ts'
import { setHeader } from '../../../src/platform/http/reply.ts'

/** Whether a request is answered in one step, by the handler of its route. */
const isAnswered = (method: string, url: string, headers: Record<string, string>): boolean => {
  let isHandled = false
  const handle = async () => {
    isHandled = true
  }
  const answersExactPath = answerExactPath({
    exact: new Map([['/keys', new Map([['GET', handle]])]]),
    fixed: new Map([undefined, 'https://a.test'].map(origin => [origin, []])),
    log: { begin: () => {}, problemOf: error => error as never, end: () => {} },
    draining: () => false,
  })
  const rawHeaders = Object.entries(headers).flat()
  const req = { method, url, headers, rawHeaders, httpVersionMinor: 1 }
  const res = { writeHead: () => {}, end: () => {} }
  return answersExactPath(new Koa().createContext(req as never, res as never)) !== null && isHandled
}

const host = { host: 'latchkey.test' }

test('the exact path of a route, with or without a query or a listed origin → answered in one step', t => {
  t.true(isAnswered('GET', '/keys', { ...host, origin: 'https://a.test' }))
  for (const url of ['/keys', '/keys?', '/keys?a=/b?c#d']) t.true(isAnswered('GET', url, host), url)
})

test('any other request → left to Koa', t => {
  for (const url of ['/', '/keys/', '/Keys', '/keys#a', '//keys', 'http://latchkey.test/keys', '*', ''])
    t.false(isAnswered('GET', url, host), url)
  for (const method of ['HEAD', 'OPTIONS', 'POST', 'get']) t.false(isAnswered(method, '/keys', host), method)
  for (const more of [{ origin: 'https://example.com' }, { origin: '' }, { expect: '100-continue' }])
    t.false(isAnswered('GET', '/keys', { ...host, ...more }), JSON.stringify(more))
  t.false(isAnswered('GET', '/keys', {}))
  t.false(isAnswered('GET', '/keys', { ...host, Host: 'b.test' }))
})

test('recorded headers → those of koa-helmet, then those of @koa/cors for a listed origin', async t => {
  const steps = [securityHeaders(), crossOrigin(['https://a.test'])]
  const namesFor = async (origin?: string) =>
    (await recordHeaders(steps, origin)).filter((_, i) => i % 2 === 0)
  const names = await namesFor()
  t.is(names.length, 13)
  t.is(names.at(-1), 'Vary')
  t.deepEqual(await namesFor('https://b.test'), names)
  const access = ['Allow-Origin', 'Allow-Credentials', 'Expose-Headers'].map(name => `Access-Control-${name}`)
  t.deepEqual(await namesFor('https://a.test'), [...names, ...access])
})

test('a header is set twice, in two spellings → the last one is sent, in the place of the first', t => {
  const headers = ['A', '1', 'B', '2']
  setHeader(headers, 'a', '3')
  t.deepEqual(headers, ['a', '3', 'B', '2'])
})

test('a value with a line break → refused', t => {
  for (const value of ['a\r\nSet-Cookie: b=c', 'a\nb', 'a\rb', 'a\0b', '\u0100'])
    t.throws(() => setHeader([], 'Location', value), { code: 'ERR_INVALID_CHAR' })
})
