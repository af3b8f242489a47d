import type { IncomingMessage } from 'node:http'
import anyTest from 'ava'
import { cookieOf, setCookie } from '../../../src/platform/http/cookie.ts'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { sendRaw } from './raw-request.ts'

// The refresh token in a cookie.

const test = anyTest.serial

const app = 'https://app.example.com'
const PUBLIC_URL = 'https://latchkey.test'
const world = await openWorld({ env: { PUBLIC_URL } })
const plainWorld = await openWorld({ env: { PUBLIC_URL: 'http://latchkey.test' } })
const cookieCrossSiteWorld = await openWorld({
  env: { PUBLIC_URL, CORS_ORIGINS: `${app}, HTTPS://Second.Example.COM:443, capacitor://localhost` },
})
anyTest.after.always(async () => {
  for (const each of [world, plainWorld, cookieCrossSiteWorld]) await each[Symbol.asyncDispose]()
})

{
  const { client } = world
  const name = '__Host-latchkey'
  const ownHeaders = { origin: 'https://latchkey.test', 'content-type': 'application/json' }
  const week = 7 * 86_400
  const attributes = ['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure']

  /** The only cookie that a reply sets. */
  const cookieIn = ({ headers }: Reply): { name: string; value: string; attributes: string[] } => {
    const [set = '', ...more] = headers.getSetCookie()
    if (set === '' || more.length > 0) throw new Error('not one cookie')
    const [pair = '', ...rest] = set.split('; ')
    const at = pair.indexOf('=')
    return { name: pair.slice(0, at), value: pair.slice(at + 1), attributes: rest.sort() }
  }
  const withCookie = (value: string, more: Record<string, string> = {}) => ({
    headers: { ...ownHeaders, cookie: `${name}=${value}`, ...more },
  })
  const byCookie = (path: string, value: string) => client.send('POST', path, withCookie(value))
  const login = async ({ email }: Account) =>
    cookieIn(await client.post('login', { email, password, token_transport: 'cookie' })).value
  const isCleared = (reply: Reply) => {
    const cookie = cookieIn(reply)
    return cookie.name === name && cookie.value === '' && cookie.attributes.includes('Max-Age=0')
  }

  test('token_transport=cookie → refresh token only in an HttpOnly cookie of this host', async t => {
    const email = anEmail()
    const registered = await client.post('register', { email, password, token_transport: 'cookie' })
    const loggedIn = await client.post('login', { email, password, token_transport: 'cookie' })
    const refreshed = await byCookie('refresh', cookieIn(loggedIn).value)
    t.deepEqual([registered.status, loggedIn.status, refreshed.status], [201, 200, 200])
    for (const reply of [registered, loggedIn, refreshed]) {
      const cookie = cookieIn(reply)
      t.is(cookie.name, name)
      t.true(cookie.value.startsWith('lkr_'))
      const maxAge = reply.body.refresh_expires_in
      t.true(maxAge > week - 5 && maxAge <= week)
      t.deepEqual(cookie.attributes, [...attributes, `Max-Age=${maxAge}`].sort())
      t.true((reply.headers.get('set-cookie') ?? '').length < 4096)
      t.false('refresh_token' in reply.body)
      t.false(reply.text.includes(cookie.value))
      t.is(reply.headers.get('cache-control'), 'no-store')
      t.is((await client.get('me', { token: reply.body.access_token })).status, 200)
    }
    t.is(refreshed.body.session_id, loggedIn.body.session_id)
  })

  test('logout by cookie → clears the cookie with the attributes it was set with', async t => {
    const account = await anAccount(client)
    const cleared = cookieIn(await byCookie('logout', await login(account)))
    t.is(cleared.name, name)
    t.is(cleared.value, '')
    t.deepEqual(cleared.attributes, [...attributes, 'Max-Age=0'].sort())
  })

  test('cookie of a sibling host with a lookalike name → ignored, the session cookie is used', async t => {
    const [own, planted] = [await anAccount(client), await anAccount(client)]
    const cookie = `\xA0${name}=${planted.refresh}; ${name}=${own.refresh}`
    const reply = await sendRaw(world.url, [
      'POST /api/v1/auth/refresh HTTP/1.1',
      'Host: latchkey.test',
      'Origin: https://latchkey.test',
      'Content-Type: application/json',
      'Content-Length: 0',
      `Cookie: ${cookie}`,
    ])
    t.is(reply.status, 200)
    t.like(reply.body, { session_id: own.sessionId })
  })

  test('refresh by cookie → rotates, and a reused older cookie ends the session', async t => {
    const account = await anAccount(client)
    const first = await login(account)
    const second = cookieIn(await byCookie('refresh', first)).value
    const third = cookieIn(await byCookie('refresh', second)).value
    t.is(new Set([first, second, third]).size, 3)
    const stale = await byCookie('refresh', first)
    t.is(stale.status, 401)
    t.is(stale.body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await byCookie('refresh', third)).status, 401, 'the theft ended the session')
  })

  test('browser repeats a refresh after a lost reply → the same cookie again', async t => {
    const first = await login(await anAccount(client))
    const replies = await Promise.all(Array.from({ length: 5 }, () => byCookie('refresh', first)))
    t.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
    const values = new Set(replies.map(reply => cookieIn(reply).value))
    t.is(values.size, 1)
    t.is((await byCookie('refresh', [...values][0] ?? '')).status, 200)
  })

  test('session near its maximum age → the cookie expires with the session', async t => {
    const account = await anAccount(client)
    const value = await login(account)
    const { body } = await client.post('refresh', { refresh_token: value })
    const key = world.keys.session(account.userId, body.session_id)
    await world.redis.hset(key, 'expires_at', Date.now() + 100_000)
    const reply = await byCookie('refresh', body.refresh_token)
    const maxAge = reply.body.refresh_expires_in
    t.true(maxAge > 90 && maxAge <= 100)
    t.true(cookieIn(reply).attributes.includes(`Max-Age=${maxAge}`))
  })

  test('refresh token in the body beside a cookie → only the body token is used and answered', async t => {
    const account = await anAccount(client)
    const value = await login(account)
    for (const options of [{}, withCookie(value)]) {
      const before = account.refresh
      const reply = await client.post('refresh', { refresh_token: before }, options)
      t.is(reply.status, 200)
      t.is(reply.body.session_id, account.sessionId)
      t.truthy(reply.body.refresh_token)
      t.deepEqual(reply.headers.getSetCookie(), [])
      account.refresh = reply.body.refresh_token
    }
    const refused = await client.post('refresh', { refresh_token: 'lkr_nothing' }, withCookie(value))
    t.is(refused.status, 401, 'a bad token does not fall back to the cookie')
    t.is((await byCookie('refresh', value)).status, 200)
  })

  test('login without token_transport=cookie → no cookie is set', async t => {
    const account = await anAccount(client)
    for (const more of [{}, { token_transport: 'body' }]) {
      const reply = await client.post('login', { email: account.email, password, ...more })
      t.deepEqual(reply.headers.getSetCookie(), [])
      t.truthy(reply.body.refresh_token)
    }
    for (const token_transport of ['Cookie', 'both', '', null, true, ['cookie']]) {
      const reply = await client.post('login', { email: account.email, password, token_transport })
      t.is(reply.status, 400)
      t.is(reply.body.code, 'VALIDATION_ERROR')
    }
    const wrong = { email: account.email, password: 'not it', token_transport: 'cookie' }
    t.deepEqual((await client.post('login', wrong)).headers.getSetCookie(), [])
  })

  test('password change → the new refresh token is returned the way the old one was sent', async t => {
    const account = await anAccount(client)
    const loggedIn = await client.post('login', { email: account.email, password, token_transport: 'cookie' })
    const { value } = cookieIn(loggedIn)
    const change = (current: string, next: string, token: string) =>
      client.post(
        'change-password',
        { current_password: current, new_password: next },
        { token, ...withCookie(value) },
      )
    const changed = await change(password, 'another horse 10', loggedIn.body.access_token)
    t.is(changed.status, 200)
    t.false('refresh_token' in changed.body)
    t.not(cookieIn(changed).value, value)
    t.is((await byCookie('refresh', cookieIn(changed).value)).status, 200)

    // The cookie now belongs to another session than the access token.
    const foreign = await change('another horse 10', password, changed.body.access_token)
    t.is(foreign.status, 200)
    t.truthy(foreign.body.refresh_token)
    t.deepEqual(foreign.headers.getSetCookie(), [])
  })

  test('logout → the cookie is cleared only if the request sent one', async t => {
    const account = await anAccount(client)
    const signIn = async () => {
      const reply = await client.post('login', { email: account.email, password })
      return reply.body as { access_token: string; refresh_token: string }
    }
    type SignedIn = Awaited<ReturnType<typeof signIn>>
    const token = ({ access_token }: SignedIn) => ({ token: access_token })
    const withoutCookie = [
      async (s: SignedIn) => client.post('logout', { refresh_token: s.refresh_token }),
      async (s: SignedIn) => client.post('logout', undefined, token(s)),
      async (s: SignedIn) => client.post('logout-all', undefined, token(s)),
    ]
    for (const signOut of withoutCookie) {
      const reply = await signOut(await signIn())
      t.is(reply.status, 204)
      t.deepEqual(reply.headers.getSetCookie(), [])
    }
    const withCookies = [
      async (s: SignedIn) => byCookie('logout', s.refresh_token),
      async (s: SignedIn) =>
        client.post('logout', undefined, { ...token(s), ...withCookie(s.refresh_token) }),
      async (s: SignedIn) =>
        client.post('logout', { refresh_token: s.refresh_token }, withCookie(s.refresh_token)),
      async (s: SignedIn) =>
        client.post('logout-all', undefined, { ...token(s), ...withCookie(s.refresh_token) }),
      async (_: SignedIn) => byCookie('logout', 'garbage'),
    ]
    for (const signOut of withCookies) {
      const session = await signIn()
      const reply = await signOut(session)
      t.is(reply.status, 204)
      t.true(isCleared(reply))
      if (signOut === withCookies.at(-1)) continue
      t.is((await client.get('me', token(session))).body.code, 'SESSION_REVOKED')
      t.is((await byCookie('refresh', session.refresh_token)).status, 401)
    }
  })

  test('account deletion → clears the cookie on success only', async t => {
    const [first, second] = [await anAccount(client), await anAccount(client)]
    const remove = (account: Account, given: string, headers: Record<string, string>) =>
      client.send('DELETE', 'me', { body: { password: given }, token: account.access, headers })
    const { headers } = withCookie(first.refresh)
    const refused = await remove(first, 'not my password', headers)
    t.true(refused.status >= 400)
    t.deepEqual(refused.headers.getSetCookie(), [])
    t.is((await client.get('me', { token: first.access })).status, 200)

    const removed = await remove(first, password, headers)
    t.is(removed.status, 204)
    t.true(isCleared(removed))
    t.deepEqual((await remove(second, password, {})).headers.getSetCookie(), [])
  })

  test('cookie that is not exactly the one that was set → 401, and the session stays valid', async t => {
    const account = await anAccount(client)
    const value = await login(account)
    const pair = `${name}=${value}`
    const cookies = {
      twice: `${pair}; ${pair}`,
      'twice, one of them empty': `${name}=; ${pair}`,
      'twice, one of them garbage': `${pair}; ${name}=x`,
      'of another case': `__HOST-latchkey=${value}`,
      'of small letters': `__host-latchkey=${value}`,
      'of a capital': `__Host-Latchkey=${value}`,
      'without a prefix': `latchkey=${value}`,
      'of a weaker prefix': `__Secure-latchkey=${value}`,
      'without a name': `=${pair}`,
      'with a space in front of the sign': `${name} =${value}`,
      'with a no-break space before its name': `\xA0${pair}`,
      'with a no-break space before its name, after another': `a=b;\xA0${pair}`,
      'with a no-break space in front of the sign': `${name}\xA0=${value}`,
      'with a next-line character before its name': `\x85${pair}`,
      'with a soft hyphen before its name': `\xAD${pair}`,
      'with a no-break space after it': `${pair}\xA0`,
      'with an escaped name': `%5F_Host-latchkey=${value}`,
      quoted: `${name}="${value}"`,
      longer: `${pair}A`,
      shorter: pair.slice(0, -1),
      empty: `${name}=`,
      'without a sign': name,
      'an access token': `${name}=${account.access}`,
      huge: `${name}=lkr_${'A'.repeat(8000)}`,
    }
    const head = (...lines: string[]) => [
      'POST /api/v1/auth/refresh HTTP/1.1',
      'Host: latchkey.test',
      'Origin: https://latchkey.test',
      'Content-Type: application/json',
      'Content-Length: 0',
      ...lines,
    ]
    for (const [what, cookie] of Object.entries(cookies)) {
      const reply = await sendRaw(world.url, head(`Cookie: ${cookie}`))
      t.is(reply.status, 401, what)
      t.is((reply.body as { code: string }).code, 'INVALID_REFRESH_TOKEN', what)
      t.false('set-cookie' in reply.headers, what)
    }
    t.is(
      (await sendRaw(world.url, head(`Cookie: ${pair}`, `Cookie: ${pair}`))).status,
      401,
      'the cookie in two headers',
    )
    const beside = await sendRaw(world.url, head(`Cookie: a=b;\t ${pair} \t;c="d"`, 'Cookie: e=f'))
    t.is(beside.status, 200, 'other cookies and the refused requests before have no effect')
  })
}

{
  const world = cookieCrossSiteWorld
  const { client } = world
  const json = 'Content-Type: application/json'
  const ownOrigin = 'Origin: https://latchkey.test'

  // Bytes as a browser sends them when a foreign page triggers the request.
  const send = (path: string, refresh: string, lines: string[], content = '') =>
    sendRaw(
      world.url,
      [
        `POST /api/v1/auth/${path} HTTP/1.1`,
        'Host: latchkey.test',
        `Cookie: __Host-latchkey=${refresh}`,
        `Content-Length: ${content.length}`,
        ...lines,
      ],
      content,
    )

  type Attack = [what: string, lines: string[], status: 403 | 415, content?: string]

  const origins = [
    'https://evil.test',
    'null',
    '',
    'http://latchkey.test',
    'https://latchkey.test.evil.test',
    'https://evil-latchkey.test',
    'https://evil.latchkey.test',
    'http://test',
    'https://latchkey.test:443',
    'https://latchkey.test:8080',
    'https://latchkey.test/',
    'https://latchkey.test@evil.test',
    'https://LATCHKEY.test',
    'https://latchkey.test, https://evil.test',
    'http://app.example.com',
    'https://app.example.com.evil.test',
    'https://evilapp.example.com',
    'https://sub.app.example.com',
    'https://example.com',
    'https://app.example.com:444',
    'capacitor://localhost.evil.test',
    'capacitor://localhost/',
    'ionic://localhost',
  ]
  const form = 'refresh_token=x&a=b'
  const attacks: Attack[] = [
    ...origins.map((origin): Attack => [`Origin: ${origin}`, [json, `Origin: ${origin}`], 403, '{}']),
    [
      'a foreign Origin that says same-origin',
      [json, 'Origin: https://evil.test', 'Sec-Fetch-Site: same-origin'],
      403,
    ],
    ['two origins, ours first', [json, ownOrigin, 'Origin: https://evil.test'], 403],
    ['no Origin', [json], 403],
    ...['cross-site', 'same-site', 'none', 'Same-Origin', 'same-origin, cross-site', ''].map(
      (site): Attack => [`no Origin and Sec-Fetch-Site: ${site}`, [json, `Sec-Fetch-Site: ${site}`], 403],
    ),
    [
      'no Origin, but a Referer and a Host of ours',
      [json, 'Referer: https://latchkey.test/', 'X-Forwarded-Host: latchkey.test'],
      403,
    ],
    ['JSON with a text content type', ['Content-Type: text/plain', ownOrigin], 415, '{}'],
    [
      'a text content type that mentions JSON',
      ['Content-Type: text/plain; application/json', ownOrigin],
      415,
      '{}',
    ],
    ['a form', ['Content-Type: application/x-www-form-urlencoded', ownOrigin], 415, form],
    ['a form with files', ['Content-Type: multipart/form-data; boundary=x', ownOrigin], 415, '--x--'],
    ['content without a type', [ownOrigin], 415, '{}'],
    ['text without content', ['Content-Type: text/plain', ownOrigin], 403],
    ['a form without content', ['Content-Type: application/x-www-form-urlencoded', ownOrigin], 403],
    ['no content type and no content', [ownOrigin], 403],
    ['a form from another site', ['Content-Type: text/plain', 'Origin: https://evil.test'], 415, '{"a":"="}'],
  ]

  // The detail of the refusal must tell a developer which header is missing.
  const reasons: [what: string, lines: string[], detail: RegExp][] = [
    ['no Origin', [json], /neither an `Origin` header nor `Sec-Fetch-Site: same-origin`/],
    [
      'a foreign Origin',
      [json, 'Origin: https://evil.test'],
      /neither that of `PUBLIC_URL` nor one of `CORS_ORIGINS`/,
    ],
    ['an opaque Origin', [json, 'Origin: null'], /neither that of `PUBLIC_URL`/],
    ['no content type', [ownOrigin], /needs `Content-Type: application\/json`/],
    [
      'the content type of a form',
      [ownOrigin, 'Content-Type: text/plain'],
      /needs `Content-Type: application\/json`/,
    ],
  ]
  for (const path of ['refresh', 'logout'])
    for (const [what, lines, detail] of reasons)
      test(`${path} by cookie with ${what} → 403 with a detail that says so`, async t => {
        const { refresh } = await anAccount(client)
        const { status, body } = await send(path, refresh, lines)
        t.is(status, 403)
        t.like(body, { code: 'FORBIDDEN' })
        t.regex((body as { detail: string }).detail, detail)
        t.false(JSON.stringify(body).includes('evil'))
      })

  test('refresh without any refresh token → 401 with a detail that says so', async t => {
    const { status, body } = await client.post('refresh', {})
    t.is(status, 401)
    t.regex(body.detail, /no `refresh_token` in its body and no session cookie/)
    const { refresh } = await anAccount(client)
    const garbage = await client.post('refresh', { refresh_token: `${refresh}A` })
    t.is(garbage.body.code, body.code)
    t.is(garbage.body.detail, undefined)
  })

  for (const path of ['refresh', 'logout'])
    test(`${path} by cookie, triggered by a foreign page → refused and the session is unchanged`, async t => {
      const account = await anAccount(client)
      const key = world.keys.session(account.userId, account.sessionId)
      const before = await world.redis.hgetall(key)
      for (const [what, lines, status, content] of attacks) {
        const reply = await send(path, account.refresh, lines, content)
        t.is(reply.status, status, what)
        const code = status === 403 ? 'FORBIDDEN' : 'UNSUPPORTED_MEDIA_TYPE'
        t.is((reply.body as { code: string }).code, code, what)
        t.false('set-cookie' in reply.headers, what)
      }
      t.deepEqual(await world.redis.hgetall(key), before, 'the session was not rotated')
      const refreshed = await send('refresh', account.refresh, [json, ownOrigin])
      t.is(refreshed.status, 200)
    })

  const accepted: [what: string, lines: string[]][] = [
    ['the origin of the API', [json, ownOrigin]],
    ['an origin of CORS_ORIGINS', [json, `Origin: ${app}`, 'Sec-Fetch-Site: cross-site']],
    ['an origin that CORS_ORIGINS spells in capitals', [json, 'Origin: https://second.example.com']],
    ['an app with its own scheme', [json, 'Origin: capacitor://localhost']],
    ['only Sec-Fetch-Site: same-origin', [json, 'Sec-Fetch-Site: same-origin']],
    ['JSON in another case', ['Content-Type: Application/JSON; charset=UTF-8', ownOrigin]],
    ['JSON with another spelling of UTF-8', ['Content-Type: application/json;charset=utf8;', ownOrigin]],
  ]
  for (const [what, lines] of accepted)
    test(`refresh and logout by cookie with ${what} → accepted`, async t => {
      const account = await anAccount(client)
      for (const content of ['', '{}']) {
        const { refresh } = await anAccount(client)
        t.is((await send('refresh', refresh, lines, content)).status, 200)
      }
      t.is((await send('logout', account.refresh, lines)).status, 204)
      t.is((await client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
      t.is((await send('refresh', account.refresh, lines)).status, 401)
    })

  test('logout with an access token and a cookie of another session → ends only the session of the token', async t => {
    const [bearer, victim] = [await anAccount(client), await anAccount(client)]
    const authorization = `Authorization: Bearer ${bearer.access}`
    const reply = await send('logout', victim.refresh, [authorization, json, 'Origin: https://evil.test'])
    t.is(reply.status, 204)
    t.is((await client.get('me', { token: bearer.access })).body.code, 'SESSION_REVOKED')
    t.is((await client.get('me', { token: victim.access })).status, 200)
    t.is((await client.post('refresh', { refresh_token: victim.refresh })).status, 200)
  })

  test('invalid access token with a cookie from a foreign page → the session of the cookie stays valid', async t => {
    const victim = await anAccount(client)
    for (const path of ['refresh', 'logout'])
      await send(path, victim.refresh, [
        'Authorization: Bearer v4.public.x',
        json,
        'Origin: https://evil.test',
      ])
    t.is((await client.get('me', { token: victim.access })).status, 200)
    t.is((await client.post('refresh', { refresh_token: victim.refresh })).status, 200)
  })

  test('cookie on routes other than refresh and logout → 401 AUTH_ERROR', async t => {
    const { refresh } = await anAccount(client)
    const headers = { cookie: `__Host-latchkey=${refresh}`, origin: 'https://latchkey.test' }
    const replies = [
      await client.get('me', { headers }),
      await client.get('sessions', { headers }),
      await client.post('logout-all', {}, { headers }),
      await client.patch('me', { full_name: 'Eve' }, { headers }),
      await client.send('DELETE', 'me', { body: { password: 'x' }, headers }),
    ]
    for (const { body } of replies) t.is(body.code, 'AUTH_ERROR')
  })

  test('login from a form of a foreign page → 415 and no cookie', async t => {
    const { email, password } = await anAccount(client)
    const body = JSON.stringify({ email, password, token_transport: 'cookie' })
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const reply = await send('login', '', [`Content-Type: ${type}`, 'Origin: https://evil.test'], body)
      t.is(reply.status, 415, type)
      t.false('set-cookie' in reply.headers)
    }
  })
}

{
  // Outside production, PUBLIC_URL may begin with http://. Browsers would drop a Secure cookie there.
  const { client } = plainWorld
  const origin = 'http://latchkey.test'
  const headers = (cookie: string) => ({ headers: { origin, cookie, 'content-type': 'application/json' } })
  const refresh = (cookie: string) => client.send('POST', 'refresh', headers(cookie))
  const setBy = ({ headers }: Reply) => headers.getSetCookie().join('\n')
  const plain = /^latchkey=(lkr_[\w-]+); Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/

  test('plain http outside production → a cookie without Secure and __Host-', async t => {
    const { email } = await anAccount(client)
    const login = await client.post('login', { email, password, token_transport: 'cookie' })
    t.is(login.status, 200)
    t.false('refresh_token' in login.body)
    const [, first = ''] = plain.exec(setBy(login)) ?? []
    const refreshed = await refresh(`latchkey=${first}`)
    t.is(refreshed.status, 200)
    const [, second = ''] = plain.exec(setBy(refreshed)) ?? []
    t.true(second !== '' && second !== first)
    const loggedOut = await client.send('POST', 'logout', headers(`latchkey=${second}`))
    t.is(loggedOut.status, 204)
    t.is(setBy(loggedOut), 'latchkey=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0')
    t.is((await refresh(`latchkey=${second}`)).status, 401)
  })

  test('__Host- cookie over plain http → accepted, both cookies together → 401', async t => {
    const { refresh: token } = await anAccount(client)
    t.is((await refresh(`latchkey=${token}; __Host-latchkey=${token}`)).status, 401)
    t.is((await refresh(`__Host-latchkey=${token}`)).status, 200)
    const loggedOut = await client.send('POST', 'logout', headers('__Host-latchkey=x'))
    t.true(setBy(loggedOut).startsWith('__Host-latchkey=; Path=/; HttpOnly; Secure;'))
  })

  test('cookie over plain http from a foreign page → 403', async t => {
    const { refresh: token } = await anAccount(client)
    for (const foreign of ['https://latchkey.test', 'http://latchkey.test:8080', 'null']) {
      const cookie = `latchkey=${token}`
      const reply = await client.send('POST', 'refresh', {
        headers: { ...headers(cookie).headers, origin: foreign },
      })
      t.is(reply.status, 403)
    }
  })

  test('https service → a cookie with the plain name is ignored', async t => {
    const { refresh: token } = await anAccount(world.client)
    const ownHeaders = { origin: 'https://latchkey.test', 'content-type': 'application/json' }
    const sent = { headers: { ...ownHeaders, cookie: `latchkey=${token}` } }
    t.is((await world.client.send('POST', 'refresh', sent)).status, 401)
    t.is((await world.client.send('POST', 'logout', sent)).status, 401)
  })

  test('production → only the __Host- cookie, even if PUBLIC_URL uses http', t => {
    for (const url of ['https://latchkey.test', 'http://latchkey.test'])
      t.regex(
        setCookie({ NODE_ENV: 'production', PUBLIC_URL: url }, 'lkr_x', 1),
        /^__Host-latchkey=lkr_x; Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=1$/,
      )
    const request = { headers: { cookie: 'latchkey=lkr_x' } } as IncomingMessage
    t.is(cookieOf(request, { NODE_ENV: 'production', PUBLIC_URL: 'http://latchkey.test' }), null)
    t.truthy(cookieOf(request, { NODE_ENV: 'development', PUBLIC_URL: 'http://latchkey.test' }))
  })
}
