import anyTest from 'ava'
import { problemSlug } from '../../../src/platform/catalog/problem-definition.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { coreRoutes } from '../../routes.ts'
import { openWorld } from '../../world.ts'
import { errorFault, problemFault } from './problem-fault.ts'
import { type RawReply, sendRaw, withContent } from './raw-request.ts'

// Credentials, methods and paths of requests.

const test = anyTest.serial

// Routes for proxies take other methods and paths: see forward-auth/check.test.ts.
const strictRoutes = coreRoutes.filter(({ forProxies }) => forProxies === undefined)
const world = await openWorld()
const account = await anAccount(world.client)
const another = await anAccount(world.client)
const oddPathsWorld = await openWorld({ env: { RATE_LIMITS: 'login=2/15m,register=1000/15m' } })
const oddPathsAccount = await anAccount(oddPathsWorld.client)
const expiredAccessTokenWorld = await openWorld()
anyTest.after.always(async () => {
  for (const each of [world, oddPathsWorld, expiredAccessTokenWorld]) await each[Symbol.asyncDispose]()
})

{
  const other = another
  const token = account.access
  const me = (...lines: string[]): Promise<RawReply> =>
    sendRaw(world.url, ['GET /api/v1/auth/me HTTP/1.1', 'Host: latchkey.test', ...lines])

  const realm = 'Bearer realm="latchkey"'
  const summaryOf = ({ status, body, headers }: RawReply) => ({
    status,
    code: (body as { code?: string }).code,
    challenge: headers['www-authenticate'],
  })

  test('no credentials → 401 with a challenge without an error code (RFC 6750, 3.1)', async t => {
    t.deepEqual(summaryOf(await me()), { status: 401, code: 'AUTH_ERROR', challenge: realm })
  })

  for (const line of [
    `Authorization: Bearer ${token}`,
    `Authorization: bearer ${token}`,
    `Authorization: BEARER ${token}`,
    `authorization:Bearer ${token}`,
    `Authorization:   Bearer   ${token}   `,
  ])
    test(`valid token with another spelling of the scheme → 200: ${line.slice(0, 27)}`, async t => {
      t.is((await me(line)).status, 200)
    })

  const malformed: [what: string, lines: string[]][] = [
    ['another scheme', ['Authorization: Basic dXNlcjpwYXNz']],
    ['nothing', ['Authorization:']],
    ['the scheme alone', ['Authorization: Bearer']],
    ['the scheme and a space', ['Authorization: Bearer ']],
    ['a token alone', [`Authorization: ${token}`]],
    ['a token joined to its scheme', [`Authorization: Bearer${token}`]],
    ['two tokens', [`Authorization: Bearer ${token} ${token}`]],
    ['two tokens and a comma', [`Authorization: Bearer ${token}, Bearer ${token}`]],
    ['two good headers', [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`]],
    [
      'two headers of two accounts',
      [`Authorization: Bearer ${other.access}`, `Authorization: Bearer ${token}`],
    ],
    ['a second, empty header', [`Authorization: Bearer ${token}`, 'Authorization:']],
    ['quotes', [`Authorization: Bearer "${token}"`]],
    ['a tab', [`Authorization: Bearer\t${token}`]],
    ['a non-ASCII letter', [`Authorization: Bearer ${token}\xe9`]],
    ['a scheme in front', [`Authorization: Basic Bearer ${token}`]],
  ]
  for (const [what, lines] of malformed)
    test(`Authorization with ${what} → 400 with error="invalid_request"`, async t => {
      const reply = await me(...lines)
      t.deepEqual(summaryOf(reply), {
        status: 400,
        code: 'VALIDATION_ERROR',
        challenge: `${realm}, error="invalid_request"`,
      })
      t.false(reply.text.includes(token.slice(0, 40)))
    })

  const altered = (at: number): string =>
    `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
  // The last letter of base64url may have spare bits, so two different texts can decode to the same bytes.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const otherBits = token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1]
  const wrong: [what: string, value: string][] = [
    ['padded', `${token}=`],
    ['padded twice', `${token}==`],
    ['changed in its spare bits', otherBits],
    ['cut short', token.slice(0, -1)],
    ['one letter longer', `${token}A`],
    ['altered in its claims', altered(30)],
    ['altered in its signature', altered(token.lastIndexOf('.') - 4)],
    ['altered in its footer', altered(token.length - 30)],
    ['without its footer', token.slice(0, token.lastIndexOf('.'))],
    ['of another version', token.replace('v4.', 'v2.')],
    ['of another purpose', token.replace('.public.', '.local.')],
    ['in upper case', token.toUpperCase()],
    ['a refresh token', account.refresh],
    ['a mailed token', `lkp_${'A'.repeat(64)}`],
    ['a JSON web token', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.'],
    ['one letter', 'x'],
    ['dots', '....'],
    ['ten thousand letters', 'v4.public.'.padEnd(10_000, 'A')],
  ]
  for (const [what, value] of wrong)
    test(`token that is ${what} → 401 with error="invalid_token"`, async t => {
      t.deepEqual(summaryOf(await me(`Authorization: Bearer ${value}`)), {
        status: 401,
        code: 'INVALID_TOKEN',
        challenge: `${realm}, error="invalid_token"`,
      })
    })

  test('token with any single letter changed → 401 INVALID_TOKEN', async t => {
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, i) => altered(10 + Math.floor((i * (token.length - 10)) / 60))).map(
        value => me(`Authorization: Bearer ${value}`),
      ),
    )
    for (const reply of replies) t.is(summaryOf(reply).code, 'INVALID_TOKEN')
  })

  test('requests that violate HTTP limits or syntax → 4xx, and the next request works', async t => {
    for (const lines of [
      [`Authorization: Bearer ${'A'.repeat(100_000)}`],
      [`X-Long: ${'A'.repeat(100_000)}`],
      Array.from({ length: 3000 }, (_, i) => `X-${i}: y`),
      ['Authorization: Bearer a\x00b'],
      ['Authorization: Bearer a\x01b'],
      ['Authorization : Bearer a'],
      ['Authorization: Bearer a\rb'],
      ['Content-Length: 1', 'Transfer-Encoding: chunked'],
    ]) {
      const { status } = await me(...lines)
      t.true(status >= 400 && status < 500, `${lines[0]?.slice(0, 30)}: ${status}`)
    }
    t.is((await me(`Authorization: Bearer ${token}`)).status, 200, 'the next request works')
  })

  test('access token in the query or in the body → not accepted as a credential', async t => {
    const inQuery = await world.client.get(`me?access_token=${token}`)
    t.is(inQuery.body.code, 'AUTH_ERROR')
    const inBody = await world.client.patch('me', { access_token: token })
    t.is(inBody.status, 400)
  })
}

{
  const ask = (method: string, path: string) =>
    sendRaw(world.url, [`${method} ${path} HTTP/1.1`, 'Host: latchkey.test'])

  const pages = ['/docs', '/redoc', '/openapi.json', `/problems/${problemSlug('VALIDATION_ERROR')}`]
  const served = Map.groupBy(
    [...strictRoutes, ...pages.map(path => ({ method: 'GET', path }))],
    ({ path }) => path,
  )
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'LINK']

  for (const [path, found] of served)
    test(`${path} with another method → 405 with Allow, OPTIONS → 204 with Allow`, async t => {
      const taken = found.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).sort()
      for (const method of methods.filter(one => !taken.includes(one))) {
        const reply = await ask(method, path)
        t.is(reply.status, 405, method)
        t.is(reply.headers.allow, taken.join(', '))
        if (method === 'HEAD') continue
        t.is(errorFault(path, reply), null, method)
        const { code, error } = reply.body as { code?: string; error?: string }
        t.is(code ?? error, path.includes('/oauth/') ? 'invalid_request' : 'METHOD_NOT_ALLOWED')
      }
      const options = await ask('OPTIONS', path)
      t.deepEqual([options.status, options.text], [204, ''])
      t.is(options.headers.allow, taken.join(', '))
    })

  test('root path → redirect to the documentation for GET and HEAD, 405 for other methods', async t => {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await ask(method, '/')
      t.deepEqual([status, headers.location], [303, '/docs'])
    }
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'])
      t.is((await ask(method, '/')).status, 405, method)
  })

  test('unknown path with any method → 404 NOT_FOUND', async t => {
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
        t.is(problemFault(reply), null)
        t.is((reply.body as { code: string }).code, 'NOT_FOUND')
      }
  })

  test('paths of source files, dotfiles or traversal → 404', async t => {
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

  test('HEAD → the status and headers of GET without a body', async t => {
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
}

{
  const world = oddPathsWorld
  const account = oddPathsAccount
  const content = JSON.stringify({ email: anEmail(), password })
  const ask = (method: string, path: string) =>
    sendRaw(
      world.url,
      withContent(method, path, content.length, `Authorization: Bearer ${account.access}`),
      content,
    )

  const spellings = (path: string): string[] =>
    [
      `/${path}`,
      `${path}/`,
      `${path}//`,
      path.replace('/', '//'),
      path.replace(/\/([^/]*)$/, '//$1'),
      path.toUpperCase(),
      path.replace(/.$/, last => last.toUpperCase()),
      path.replace(/.$/, last => `%${last.charCodeAt(0).toString(16)}`),
      path.replaceAll('/', '%2f').replace('%2f', '/'),
      `${path}%2f`,
      `${path}%00`,
      `${path}%0a`,
      `${path};x=y`,
      `${path}.json`,
      `/x/..${path}`,
      `/.${path}`,
      `/%2e${path}`,
      `/x/%2e%2e${path}`,
      path.replace(/\/([^/]*)$/, '\\$1'),
      `${path}%`,
      `${path}%zz`,
    ].filter(spelt => spelt !== path && spelt.startsWith('/'))

  const distinctRoutes = [
    ...new Map(strictRoutes.map(route => [`${route.method} ${route.path}`, route])).values(),
  ]
  // Where any text is a valid id, another spelling may match the route of another method.
  const beginnings = distinctRoutes.flatMap(({ path }) =>
    path.includes(':') ? [path.slice(0, path.indexOf(':'))] : [],
  )
  const mayBeId = (path: string): boolean => beginnings.some(beginning => path.startsWith(beginning))

  for (const { method, path } of distinctRoutes)
    test(`${method} ${path} spelt in any other way → 404`, async t => {
      const whole = path.replace(':id', '018f0000-0000-7000-8000-000000000001')
      // An id may be percent-encoded.
      const isSame = (spelt: string) => whole !== path && spelt.endsWith('%31')
      for (const spelt of spellings(whole).filter(text => !isSame(text))) {
        const reply = await ask(method, spelt)
        t.true(reply.status === 404 || (mayBeId(path) && reply.status === 405), `${spelt}: ${reply.status}`)
        t.is(errorFault(spelt, reply), null, spelt)
      }
    })

  test('login with another spelling of its path → 404, never a way around the rate limit', async t => {
    const login = '/api/v1/auth/login'
    for (let i = 0; i < 2; i++) t.is((await ask('POST', login)).status, 401)
    t.is((await ask('POST', login)).status, 429)
    for (const spelt of spellings(login)) t.is((await ask('POST', spelt)).status, 404, spelt)
    for (const same of [`${login}?x=1`, `${login}?`, `${login}#x`, `http://elsewhere.test${login}`])
      t.is((await ask('POST', same)).status, 429, same)
  })

  const queries = [
    '?',
    '?%',
    '?%ff=%ff',
    '?token=%00',
    '?token=a&token=b',
    '?token[a]=b',
    '?__proto__=x',
    '?lang=%0d%0a',
  ]
  const queryNames = (query: unknown): string =>
    Object.keys((query as { entries?: object })?.entries ?? {}).join()
  for (const { method, path, query } of distinctRoutes.filter(route => route.query))
    test(`${method} ${path} with malformed queries → no 5xx (${queryNames(query)})`, async t => {
      for (const odd of [...queries, `?lang=${'x'.repeat(8000)}`, `?${'a=b&'.repeat(2000)}`]) {
        const { status } = await ask(method, path + odd)
        t.true(status < 500, `${odd.slice(0, 20)}: ${status}`)
      }
    })
}

{
  const world = expiredAccessTokenWorld
  const minute = 60_000

  test('access token older than 15 minutes plus 30 s tolerance → 401 TOKEN_EXPIRED, refresh works', async t => {
    const { access, refresh } = await anAccount(world.client)
    const me = (token: string) => world.client.get('me', { token })
    await world.travel(world.clock.shift + 15 * minute - 5000)
    t.is((await me(access)).status, 200)

    // The clock of another instance may be up to 30 s behind.
    await world.travel(world.clock.shift + 30_000)
    t.is((await me(access)).status, 200)

    await world.travel(world.clock.shift + 10_000)
    const { status, body, headers } = await me(access)
    t.is(status, 401)
    t.is(body.code, 'TOKEN_EXPIRED')
    t.is(headers.get('www-authenticate'), 'Bearer realm="latchkey", error="invalid_token"')
    t.is(
      (await world.client.patch('me', { full_name: 'Late' }, { token: access })).body.code,
      'TOKEN_EXPIRED',
    )
    t.is((await world.client.post('logout-all', undefined, { token: access })).body.code, 'TOKEN_EXPIRED')

    const renewed = await world.client.post('refresh', { refresh_token: refresh })
    t.is(renewed.status, 200)
    t.is((await me(renewed.body.access_token)).status, 200)
    t.is((await me(access)).body.code, 'TOKEN_EXPIRED')
  })

  test('access token issued up to 30 s in the future → 200, more than 30 s → INVALID_TOKEN', async t => {
    await world.travel(world.clock.shift + 25_000)
    const soon = await anAccount(world.client)
    await world.travel(world.clock.shift - 25_000)
    t.is((await world.client.get('me', { token: soon.access })).status, 200)

    await world.travel(world.clock.shift + minute)
    const late = await anAccount(world.client)
    await world.travel(world.clock.shift - minute)
    t.is((await world.client.get('me', { token: late.access })).body.code, 'INVALID_TOKEN')
  })

  test('expired access token with an altered signature → INVALID_TOKEN instead of TOKEN_EXPIRED', async t => {
    const { access } = await anAccount(world.client)
    await world.travel(world.clock.shift + 16 * minute)
    const altered = `${access.slice(0, 30)}${access[30] === 'A' ? 'B' : 'A'}${access.slice(31)}`
    t.is((await world.client.get('me', { token: altered })).body.code, 'INVALID_TOKEN')
  })
}
