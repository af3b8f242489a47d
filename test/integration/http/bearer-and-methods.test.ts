import anyTest from 'ava'
import { codes, problemSlug } from '../../../src/base/problems.ts'
import { routes } from '../../../src/routes.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { type RawReply, sendRaw, withContent } from './raw-request.ts'
import { problemFault } from './routes-with-body.ts'

// Credentials, methods and paths of a request.

const test = anyTest.serial

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
  const said = ({ status, body, headers }: RawReply) => ({
    status,
    code: (body as { code?: string }).code,
    challenge: headers['www-authenticate'],
  })

  test('without credentials the challenge names no error (RFC 6750, 3.1)', async t => {
    t.deepEqual(said(await me()), { status: 401, code: 'AUTH_ERROR', challenge: realm })
  })

  for (const line of [
    `Authorization: Bearer ${token}`,
    `Authorization: bearer ${token}`,
    `Authorization: BEARER ${token}`,
    `authorization:Bearer ${token}`,
    `Authorization:   Bearer   ${token}   `,
  ])
    test(`a good token passes, however its scheme is written: ${line.slice(0, 27)}`, async t => {
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
    ['a second header that is empty', [`Authorization: Bearer ${token}`, 'Authorization:']],
    ['quotes', [`Authorization: Bearer "${token}"`]],
    ['a tab', [`Authorization: Bearer\t${token}`]],
    ['letters beyond ASCII', [`Authorization: Bearer ${token}\xe9`]],
    ['a scheme in front', [`Authorization: Basic Bearer ${token}`]],
  ]
  for (const [what, lines] of malformed)
    test(`a header that holds ${what} is a malformed request`, async t => {
      const reply = await me(...lines)
      t.deepEqual(said(reply), {
        status: 400,
        code: 'VALIDATION_ERROR',
        challenge: `${realm}, error="invalid_request"`,
      })
      t.false(reply.text.includes(token.slice(0, 40)))
    })

  const spoilt = (at: number): string =>
    `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
  // The last letter of base64url may have bits to spare: two texts, the same bytes.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const otherBits = token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1]
  const wrong: [what: string, value: string][] = [
    ['padded', `${token}=`],
    ['padded twice', `${token}==`],
    ['written with other spare bits', otherBits],
    ['cut short', token.slice(0, -1)],
    ['one letter longer', `${token}A`],
    ['spoilt in its claims', spoilt(30)],
    ['spoilt in its signature', spoilt(token.lastIndexOf('.') - 4)],
    ['spoilt in its footer', spoilt(token.length - 30)],
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
    test(`a token that is ${what} is not valid`, async t => {
      t.deepEqual(said(await me(`Authorization: Bearer ${value}`)), {
        status: 401,
        code: 'INVALID_TOKEN',
        challenge: `${realm}, error="invalid_token"`,
      })
    })

  test('every letter of a token counts', async t => {
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, i) => spoilt(10 + Math.floor((i * (token.length - 10)) / 60))).map(
        value => me(`Authorization: Bearer ${value}`),
      ),
    )
    for (const reply of replies) t.is(said(reply).code, 'INVALID_TOKEN')
  })

  test('what HTTP itself does not allow is cut off with a client’s error', async t => {
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
    t.is((await me(`Authorization: Bearer ${token}`)).status, 200, 'and all goes on')
  })

  test('a token in the address or in the body is none', async t => {
    const inQuery = await world.client.get(`me?access_token=${token}`)
    t.is(inQuery.body.code, 'AUTH_ERROR')
    const inBody = await world.client.patch('me', { access_token: token })
    t.is(inBody.status, 400)
  })
}

{
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
        t.is(problemFault(reply), null, method)
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
        t.is(problemFault(reply), null)
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

  const places = [
    ...new Map(routes(() => false).map(route => [`${route.method} ${route.path}`, route])).values(),
  ]
  for (const { method, path } of places)
    test(`${method} ${path} has one spelling`, async t => {
      const whole = path.replace(':id', '018f0000-0000-7000-8000-000000000001')
      // An id may be written in any way that an address allows.
      const isSame = (spelt: string) => whole !== path && spelt.endsWith('%31')
      for (const spelt of spellings(whole).filter(text => !isSame(text))) {
        const reply = await ask(method, spelt)
        // Where any text may stand for an id, what is spelt may be that of another method.
        t.true(
          reply.status === 404 || (path.includes(':') && reply.status === 405),
          `${spelt}: ${reply.status}`,
        )
        t.is(problemFault(reply), null, spelt)
      }
    })

  test('no spelling is a way around a limit', async t => {
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
  for (const { method, path, query } of places.filter(route => route.query))
    test(`${method} ${path} fails on no query (${Object.keys((query as { entries?: object })?.entries ?? {})})`, async t => {
      for (const odd of [...queries, `?lang=${'x'.repeat(8000)}`, `?${'a=b&'.repeat(2000)}`]) {
        const { status } = await ask(method, path + odd)
        t.true(status < 500, `${odd.slice(0, 20)}: ${status}`)
      }
    })
}

{
  const world = expiredAccessTokenWorld
  const minute = 60_000

  test('an access token is good for a quarter of an hour, and what it meets then says what to do', async t => {
    const { access, refresh } = await anAccount(world.client)
    const me = (token: string) => world.client.get('me', { token })
    await world.travel(world.clock.shift + 15 * minute - 5000)
    t.is((await me(access)).status, 200)

    // The clock of another instance may be as much as 30 s behind.
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

  test('a token issued up to 30 s in the future → 200, later than that → INVALID_TOKEN', async t => {
    await world.travel(world.clock.shift + 25_000)
    const soon = await anAccount(world.client)
    await world.travel(world.clock.shift - 25_000)
    t.is((await world.client.get('me', { token: soon.access })).status, 200)

    await world.travel(world.clock.shift + minute)
    const late = await anAccount(world.client)
    await world.travel(world.clock.shift - minute)
    t.is((await world.client.get('me', { token: late.access })).body.code, 'INVALID_TOKEN')
  })

  test('an expired token with a spoilt signature is not valid rather than expired', async t => {
    const { access } = await anAccount(world.client)
    await world.travel(world.clock.shift + 16 * minute)
    const spoilt = `${access.slice(0, 30)}${access[30] === 'A' ? 'B' : 'A'}${access.slice(31)}`
    t.is((await world.client.get('me', { token: spoilt })).body.code, 'INVALID_TOKEN')
  })
}
