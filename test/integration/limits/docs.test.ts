import anyTest from 'ava'
import { openWorld } from '../../world.ts'
import { problemFault } from '../http/problem-fault.ts'

// The documentation files are large and public, so they have a rate limit of their own.

const test = anyTest.serial

const world = await openWorld({ env: { RATE_LIMITS: 'docs=6/15m,anonymous=100/15m', TRUSTED_PROXIES: '1' } })
anyTest.after.always(() => world[Symbol.asyncDispose]())

const files = [
  ...['/docs', '/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css', '/redoc', '/openapi.json'],
  '/problems/not-found',
]
const from = (ip: string) => ({ headers: { 'x-forwarded-for': ip } })

test('documentation files over the limit → 429 for that IP address only, and other routes still answer', async t => {
  for (const path of files) t.is((await world.client.get(path, from('198.51.100.1'))).status, 200, path)
  for (const [method, path] of [...files.map(path => ['GET', path] as const), ['HEAD', '/docs'] as const]) {
    const reply = await world.client.send(method, path, from('198.51.100.1'))
    t.is(reply.status, 429, path)
    t.regex(reply.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    t.is(reply.headers.get('ratelimit-policy'), '"docs";q=6;w=900')
    t.is(reply.headers.get('cache-control'), 'no-store')
    if (method === 'GET') t.is(problemFault(reply), null)
  }
  t.is((await world.client.get('/docs', from('198.51.100.2'))).status, 200)
  for (const path of ['/livez', '/.well-known/paseto-keys', '/api/v1/auth/verify-email?token=x'])
    t.is((await world.client.get(path, from('198.51.100.1'))).status, 200, path)
})

test('documentation file within the limit → cacheable reply without RateLimit headers', async t => {
  const { headers } = await world.client.get('/docs/own.css', from('198.51.100.3'))
  t.is(headers.get('cache-control'), 'public, max-age=300')
  t.is(headers.get('ratelimit'), null)
})
