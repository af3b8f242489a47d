import anyTest from 'ava'
import { problems } from '../../../src/modules.ts'
import { problemSlug } from '../../../src/platform/catalog/problem-definition.ts'
import type { Reply } from '../../client.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { coreRoutes } from '../../routes.ts'
import { openWorld } from '../../world.ts'
import { openResourceServer } from '../guard/resource-server.ts'
import { sendRaw } from './raw-request.ts'

// A service below a base path: every address in a reply is below PUBLIC_URL, and requests reach the service
// whether or not the proxy strips the path.

const test = anyTest.serial

const base = 'https://example.com/accounts'
const world = await openWorld({ worker: true, env: { PUBLIC_URL: base } })
const apiWorld = await openWorld({ env: { PUBLIC_URL: 'https://example.com/api' } })
const { access } = await anAccount(world.client)
anyTest.after.always(async () => {
  for (const each of [world, apiWorld]) await each[Symbol.asyncDispose]()
})

const { client } = world
const proxies: [what: string, prefix: string][] = [
  ['a proxy that strips the base path', ''],
  ['a proxy that keeps the base path', '/accounts'],
]

/** Every address in a reply, resolved as by a client at `path` below PUBLIC_URL. */
const addressesIn = (path: string, { headers, body, text }: Reply): string[] => {
  const at = `${base}${path}`
  const attributes = [...text.matchAll(/\b(?:href|src|action|data-url)="([^"]*)"/g)].map(
    ([, found = '']) => found,
  )
  const location = headers.get('location')
  const found = [...(body?.type ? [body.type] : []), ...(location === null ? [] : [location]), ...attributes]
  return found
    .map(each => new URL(each.replaceAll('&amp;', '&'), at).href)
    .filter(address => !address.startsWith('data:'))
}

const isBelow = (address: string): boolean => address === base || address.startsWith(`${base}/`)

const unknownId = '018f0000-0000-7000-8000-000000000001'
const everyRoute = coreRoutes.map(({ method, path, accepts }) => ({
  method,
  path: path.replace(/:\w+/, unknownId),
  accepts,
}))
const everyPage = [
  ...['/', '/docs', '/redoc', '/openapi.json', '/nowhere', '/docs/', '/docs/init.js', '/redoc/init.js'],
  ...problems.map(({ code }) => `/problems/${problemSlug(code)}`),
].map(path => ({ method: 'GET', path, accepts: 'json' as const }))

for (const [what, prefix] of proxies)
  test(`all addresses in replies behind ${what} → below PUBLIC_URL`, async t => {
    let seen = 0
    for (const { method, path, accepts } of [...everyRoute, ...everyPage])
      for (const [token, sent] of [
        [undefined, undefined],
        [access, accepts === 'form' ? 'token=x' : '{}'],
      ] as const) {
        if (token && /logout|\/me$/.test(path) && method !== 'GET') continue
        const headers = accepts === 'form' ? { 'content-type': 'application/x-www-form-urlencoded' } : {}
        const reply = await client.send(method, prefix + path, {
          token,
          body: method === 'GET' ? undefined : sent,
          headers,
        })
        t.true(reply.status < 500, `${method} ${path}`)
        const addresses = addressesIn(path, reply)
        seen += addresses.length
        t.deepEqual(
          addresses.filter(address => !isBelow(address)),
          [],
          `${method} ${path}: ${reply.status}`,
        )
      }
    t.true(seen > 100, `${seen} addresses`)
  })

test('all files that a documentation page loads → 200 with and without the base path', async t => {
  for (const path of ['/docs', '/redoc', '/problems/not-found'])
    for (const address of addressesIn(path, await client.get(path))) {
      const below = address.slice(base.length)
      t.is((await client.get(below)).status, 200, below)
      t.is((await client.get(`/accounts${below}`)).status, 200, below)
    }
  const { body } = await client.get('/openapi.json')
  t.deepEqual(body.servers, [{ url: base }])
})

test('root below a base path, with or without a slash → redirect to its documentation', async t => {
  for (const path of ['/', '/accounts', '/accounts/', '/accounts?x=1']) {
    const { status, headers } = await client.get(path)
    t.deepEqual([status, headers.get('location')], [303, '/accounts/docs'], path)
  }
})

test('problem type below a base path → contains the base path, also for parser errors', async t => {
  const type = '/accounts/problems/'
  t.is((await client.get('me')).body.type, `${type}auth-error`)
  t.is((await client.get('/nowhere')).body.type, `${type}not-found`)
  t.is((await client.post('register', '{')).body.type, `${type}validation-error`)
  for (const lines of [['GET /livez HTTP/1.1'], ['NONSENSE'], ['CONNECT x:80 HTTP/1.1', 'Host: x']]) {
    const { body } = await sendRaw(world.url, lines)
    t.true((body as { type: string }).type.startsWith(type), lines[0])
  }
})

test('path that only resembles the base path → 404', async t => {
  for (const path of [
    '/accountsx/livez',
    '/accounts/accounts/livez',
    '/Accounts/livez',
    '/accounts//livez',
    '/x/accounts/livez',
  ])
    t.is((await client.get(path)).status, 404, path)
})

test('links in emails, their pages and redirects → below PUBLIC_URL', async t => {
  const { email, access: token } = await anAccount(client)
  const verify = await world.mails.to(email)
  const page = await client.get(`/accounts${verify.link.slice(base.length)}`)
  t.is(page.status, 200)
  const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page.text) ?? []
  const [, mailed = ''] = /name="token" value="([^"]*)"/.exec(page.text) ?? []
  const target = new URL(action.replaceAll('&amp;', '&'), verify.link)
  t.true(isBelow(target.href))
  const pressed = await client.send('POST', target.pathname + target.search, {
    body: `token=${mailed}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  t.is(pressed.status, 303)
  const done = pressed.headers.get('location') ?? ''
  t.true(done.startsWith(`${base}/api/v1/auth/email-verified`))
  t.is((await client.get(done.slice('https://example.com'.length))).status, 200)

  await client.post('forgot-password', { email })
  await client.post('change-email', { current_password: password, new_email: anEmail() }, { token })
  await world.mails.to(email, 1, 'reset-password')
  for (const { mail } of await world.mails.all()) {
    const hrefs = [...(mail.html ?? '').matchAll(/\bhref="([^"]*)"/g)].map(([, href = '']) => href)
    const inText = mail.text?.match(/https?:\/\/\S+/g) ?? []
    t.true(hrefs.length > 0)
    t.deepEqual(
      [...hrefs, ...inText].filter(address => !isBelow(address)),
      [],
    )
  }
})

test('base path /api, which is also a prefix of routes → routes still answer', async t => {
  const { access: token } = await anAccount(apiWorld.client)
  for (const path of ['/api/v1/auth/me', '/api/api/v1/auth/me'])
    t.is((await apiWorld.client.get(path, { token })).status, 200, path)
  t.is((await apiWorld.client.get('/api')).headers.get('location'), '/api/docs')
  t.is((await apiWorld.client.get('/api/docs')).status, 200)
  t.is((await apiWorld.client.post('/api/v1/auth/me', {}, { token })).status, 405)
})

test('guard in another service refuses a request → the problem type is an address of the issuer', async t => {
  const { createVerifier } = await import('../../../packages/guard/src/verifier.ts')
  const { keys } = (await client.get('/.well-known/paseto-keys')).body
  await using guarded = await openResourceServer(createVerifier({ issuer: base, keys }))
  const refused = await guarded.client.get('/closed')
  t.is(refused.body.type, `${base}/problems/auth-error`)
  t.is((await guarded.client.get('/closed', { token: access })).status, 200)
})
