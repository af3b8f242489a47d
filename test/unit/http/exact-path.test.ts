import test from 'ava'
import type { Context } from 'koa'
import { answerExactPath } from '../../../src/platform/http/exact-path.ts'
import { crossOrigin, recordHeaders, securityHeaders } from '../../../src/platform/http/headers.ts'
import { setHeader } from '../../../src/platform/http/reply.ts'

/** Whether a request is answered in one step, with the handler of its route. */
const isAnswered = async (method: string, url: string, headers: Record<string, string>): Promise<boolean> => {
  const steps: string[] = []
  const step = answerExactPath({
    exact: new Map([['/keys', new Map([['GET', async () => void steps.push('handler')]])]]),
    fixed: [],
    log: { begin: () => {}, problemOf: error => error as never, end: () => {} },
    draining: () => false,
  })
  const rawHeaders = Object.entries(headers).flat()
  const res = { writeHead: () => {}, end: () => {} }
  const ctx = { req: { method, url, headers, rawHeaders, httpVersionMinor: 1 }, res, state: {} }
  await step(ctx as unknown as Context, async () => void steps.push('next'))
  return steps.join() === 'handler'
}

const host = { host: 'latchkey.test' }

test('the exact path of a route, with or without a query → answered in one step', async t => {
  for (const url of ['/keys', '/keys?', '/keys?a=/b?c#d']) t.true(await isAnswered('GET', url, host), url)
})

test('any other request → passed on to the steps of Koa', async t => {
  for (const url of ['/', '/keys/', '/Keys', '/keys#a', '//keys', 'http://latchkey.test/keys', '*', ''])
    t.false(await isAnswered('GET', url, host), url)
  for (const method of ['HEAD', 'OPTIONS', 'POST', 'get'])
    t.false(await isAnswered(method, '/keys', host), method)
  for (const more of [{ origin: 'https://example.com' }, { origin: '' }, { expect: '100-continue' }])
    t.false(await isAnswered('GET', '/keys', { ...host, ...more }), JSON.stringify(more))
  t.false(await isAnswered('GET', '/keys', {}))
  t.false(await isAnswered('GET', '/keys', { ...host, Host: 'b.test' }))
})

test('recorded headers → those of koa-helmet, and Vary of @koa/cors', t => {
  const recorded = recordHeaders([securityHeaders(), crossOrigin(['https://example.com'])])
  const names = recorded.filter((_, i) => i % 2 === 0)
  t.is(names.length, 13)
  t.is(names.at(-1), 'Vary')
  t.is(recorded.at(-1), 'Origin')
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
