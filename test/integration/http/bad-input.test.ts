import { connect } from 'node:net'
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib'
import anyTest from 'ava'
import { type Account, anAccount, password } from '../../fixtures.ts'
import { slowness } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { problemFault } from './problem-fault.ts'
import { type RawReply, sendRaw, withContent } from './raw-request.ts'
import { formRoutes, jsonRoutes, storedRows, validBody } from './routes-with-body.ts'

// Invalid input: each request gets a problem as its reply, and changes nothing.

const test = anyTest.serial

const badInputBodiesWorld = await openWorld()
const account = await anAccount(badInputBodiesWorld.client)
const world = await openWorld()
const badInputSizesAccount = await anAccount(world.client)
anyTest.after.always(async () => {
  for (const each of [badInputBodiesWorld, world]) await each[Symbol.asyncDispose]()
})

/**
 * The cases that the route at this position gets. One function reads the bodies of all JSON routes, so each case goes to a
 * quarter of the routes, and each route gets a quarter of the cases.
 */
const quarter = <Case>(cases: readonly Case[], position: number): Case[] =>
  cases.filter((_, i) => i % 4 === position % 4)

{
  const world = badInputBodiesWorld
  const bearer = `Authorization: Bearer ${account.access}`
  type At = { method: string; path: string }

  const send = ({ method, path }: At, content: string | Buffer, ...more: string[]): Promise<RawReply> =>
    sendRaw(world.url, withContent(method, path, Buffer.byteLength(content), bearer, ...more), content)

  const invalidUtf8 = (bytes: number[]): Buffer =>
    Buffer.concat([Buffer.from('{"email":"canary'), Buffer.from(bytes), Buffer.from('@example.com"}')])

  const broken: [what: string, content: string | Buffer][] = [
    ['a list', '[]'],
    ['a list of one good body', '[{"email":"canary@example.com"}]'],
    ['a text', '"canary"'],
    ['a number', '42'],
    ['a boolean', 'true'],
    ['null', 'null'],
    ['only white space', '  \n '],
    ['text that is not JSON', 'canary'],
    ['a truncated object', '{"email":"canary'],
    ['a trailing comma', '{"email":"canary@example.com",}'],
    ['text after the object', '{"email":"canary@example.com"} canary'],
    ['two objects', '{}{}'],
    ['single quotes', "{'email':'canary@example.com'}"],
    ['a comment', '{/* canary */}'],
    ['a NUL', '{"email":"canary"}\0'],
    ['bytes that are not UTF-8', invalidUtf8([0xff, 0xfe])],
    ['a truncated character', invalidUtf8([0xc3])],
    ['an overlong encoding', invalidUtf8([0xc0, 0xaf])],
    ['an encoded surrogate', invalidUtf8([0xed, 0xa0, 0x80])],
    ['UTF-16', Buffer.from('{"email":"canary@example.com"}', 'utf16le')],
    ['lists nested without an end', '['.repeat(16_000)],
    ['nested lists', '['.repeat(8000) + ']'.repeat(8000)],
    ['nested objects', `${'{"canary":'.repeat(1300)}1${'}'.repeat(1300)}`],
    ['an unknown field with nested lists', `{"canary":${'['.repeat(8000)}${']'.repeat(8000)}}`],
  ]

  const refusedTypes = [
    null,
    '',
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonp',
    'application/json5',
    'application/vnd.api+json',
    'application/json, text/plain',
    'text/plain; application/json',
    'application/json; charset=utf-16',
    'application/json; charset=iso-8859-1',
    'application/json;charset="utf-7"',
    'application/json; charset="utf-8',
    'application/json; charset=utf-8; charset=utf-16',
    'application/json; charset=utf-8, application/json',
    'application/json;\xA0charset=utf-8',
    'application/json\xA0',
    'application/json-patch',
    '; charset=utf-8',
  ]
  const refusedEncodings = ['compress', 'zstd', 'canary', 'gzip, gzip', 'gzip;q=1']
  const spellings = [
    'application/json; charset=utf-8',
    'application/json; charset=utf8',
    'application/json;charset=UTF8',
    'application/json; charset=us-ascii',
    'Application/JSON; Charset=US-ASCII',
    'application/json; charset="utf-8"',
    'application/json;charset="UTF8"',
    'application/json; charset="ut\\f-8"',
    'application/json ; charset = utf-8 ;',
    'application/json;\tcharset=utf-8',
    'application/json;',
    'application/json;;charset=utf-8',
    'application/json; charset=utf-8; charset=utf8',
    'application/json; profile="a;charset=utf-16"; charset=utf-8',
    'application/json; version=1',
    'application/json; utf-8',
  ]

  for (const [position, { route, name, forms }] of jsonRoutes.entries()) {
    test(`${name} with a body that is not a JSON object in UTF-8 → 400 and nothing changes`, async t => {
      const before = await storedRows(world)
      for (const [what, content] of quarter(broken, position)) {
        const reply = await send(route, content)
        t.is(problemFault(reply), null, what)
        const { code, errors } = reply.body as { code: string; errors: object[] }
        t.is(code, 'VALIDATION_ERROR', what)
        t.true(errors.length > 0, what)
        t.notRegex(reply.text.replaceAll('"path":"canary"', ''), /canary/, what)
      }
      t.deepEqual(await storedRows(world), before)
    })

    // A body without fields has none to be wrong.
    const hasFields = forms.some(form => Object.keys(form).length > 0)

    // A lenient decoder would turn two passwords with different bytes into the same text of replacement
    // characters.
    if (hasFields)
      test(`${name} with invalid UTF-8 in a field → 400`, async t => {
        for (const form of forms)
          for (const field of Object.keys(form)) {
            const [front = '', back = ''] = JSON.stringify({
              ...validBody(form, account),
              [field]: 'correct horse 9HERE',
            }).split('HERE')
            for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80]]) {
              const reply = await send(
                route,
                Buffer.concat([Buffer.from(front), Buffer.from(bytes), Buffer.from(back)]),
              )
              t.is(problemFault(reply), null, field)
              t.like(reply.body, { errors: [{ path: '', rule: 'json' }] }, field)
            }
          }
      })

    if (hasFields)
      test(`${name} with deep nesting in a field → 400`, async t => {
        for (const form of forms)
          for (const field of Object.keys(form)) {
            const good = { ...validBody(form, account), [field]: 'HERE' }
            const deep = `${'['.repeat(7000)}${']'.repeat(7000)}`
            const reply = await send(route, JSON.stringify(good).replace('"HERE"', deep))
            t.is(problemFault(reply), null, field)
            t.is(reply.status, 400)
          }
      })

    test(`${name} with another content type, charset or encoding → 415 and nothing changes`, async t => {
      const before = await storedRows(world)
      const content = JSON.stringify(validBody(forms[0] ?? {}, account))
      const { method, path } = route
      for (const type of quarter(refusedTypes, position)) {
        const lines = withContent(method, path, content.length, bearer).filter(l => !/^content-type/i.test(l))
        const reply = await sendRaw(
          world.url,
          type === null ? lines : [...lines, `Content-Type: ${type}`],
          content,
        )
        t.is(problemFault(reply), null, String(type))
        t.is(reply.status, 415, String(type))
        t.regex((reply.body as { detail: string }).detail, /^The (header|charset) .*must be/, String(type))
      }
      for (const encoding of quarter(refusedEncodings, position)) {
        const reply = await send(route, content, `Content-Encoding: ${encoding}`)
        t.is(problemFault(reply), null, encoding)
        t.is(reply.status, 415, encoding)
      }
      t.deepEqual(await storedRows(world), before)
    })

    test(`${name} with any spelling of JSON, UTF-8 and gzip → the body is read`, async t => {
      const { method, path } = route
      const content = '{"unheard_of":1}'
      const lines = withContent(method, path, content.length, bearer).filter(l => !/^content-type/i.test(l))
      for (const type of quarter(spellings, position)) {
        const reply = await sendRaw(world.url, [...lines, `Content-Type: ${type}`], content)
        t.is(reply.status, 400, type)
        t.like(reply.body, { code: 'VALIDATION_ERROR' }, type)
        t.true(JSON.stringify(reply.body).includes('unknown'), `${type}: the body was read`)
      }
      for (const encoding of ['GZIP', 'x-gzip', 'Gzip']) {
        const zipped = gzipSync(content)
        const reply = await send(route, zipped, `Content-Encoding: ${encoding}`)
        t.is(reply.status, 400, encoding)
        t.true(JSON.stringify(reply.body).includes('unknown'), `${encoding}: the body was read`)
      }
    })

    test(`${name} with corrupt or truncated compression → 4xx`, async t => {
      const content = JSON.stringify(validBody(forms[0] ?? {}, account))
      const zipped = gzipSync(content)
      for (const [encoding, sent] of [
        ['gzip', Buffer.from(content)],
        ['gzip', zipped.subarray(0, -6)],
        ['gzip', Buffer.concat([zipped.subarray(0, 12), Buffer.alloc(9, 0xff)])],
        ['deflate', Buffer.from(content)],
        ['br', Buffer.from(content)],
      ] as const) {
        const reply = await send(route, sent, `Content-Encoding: ${encoding}`)
        t.is(problemFault(reply), null, encoding)
      }
    })
  }

  for (const { route, name } of formRoutes)
    test(`${name} with malformed forms or another content type → 4xx, never 500`, async t => {
      const before = await storedRows(world)
      const form = ['Content-Type: application/x-www-form-urlencoded']
      const asForm = (content: string | Buffer, type = form) => {
        const lines = withContent(route.method, route.path, Buffer.byteLength(content))
        return sendRaw(world.url, [...lines.filter(line => !/^content-type/i.test(line)), ...type], content)
      }
      for (const type of [[], ['Content-Type: application/json'], ['Content-Type: text/plain']]) {
        const reply = await asForm('token=x', type)
        t.is(problemFault(reply), null)
        t.is(reply.status, 415)
      }
      for (const more of ['; charset=utf8', ';charset="UTF-8"', ';', ' ; charset = us-ascii ;']) {
        const { status } = await asForm('token=x', [`${form[0]}${more}`])
        t.true(status === 400 || status === 401, `${more}: ${status}`)
      }
      const odd = [
        '',
        'token',
        'token=',
        'token=%',
        'token=%ff',
        'token=%00',
        'token=a&token=b',
        'token[a]=b',
      ]
      for (const content of [...odd, 'token[]=a', '__proto__[a]=b', 'constructor[a]=b', '&&&', '=', 'x=y']) {
        const { status, text } = await asForm(content)
        t.true(status === 400 || status === 401, `${content}: ${status}`)
        t.notRegex(text, /at .*\.ts|Error:/)
      }
      t.is((await asForm(`token=${'a'.repeat(17_000)}`)).status, 413)
      t.is((await asForm(Array(4000).fill('a[b]').join('&'))).status < 500, true)
      t.deepEqual(await storedRows(world), before)
      t.false('a' in {})
    })
}

{
  type Errors = { path: string; rule: string; message: string }[]

  const wrong: [what: string, value: unknown][] = [
    ['a number', 20_251_121],
    ['true', true],
    ['false', false],
    ['a list', ['canary@example.com']],
    ['an empty list', []],
    ['an object', { canary: 'canary@example.com' }],
    ['an object that imitates a string', { toString: 'canary', length: 9, 0: 'canary' }],
    ['an empty string', ''],
    ['a huge string', 'canary'.repeat(2500)],
    ['half a surrogate pair', '\ud800'],
    ['a string with half a surrogate pair', 'canary7\udc00@example.com'],
    ['a NUL', '\0'],
    ['a string with control characters', 'canary7\r\n\0\x1b@example.com'],
    ['null', null],
  ]

  const sender =
    ({ method, path }: { method: string; path: string }, { access }: Account) =>
    (body: unknown) =>
      world.client.send(method, path, { body, token: access })

  for (const { route, name, forms } of jsonRoutes) {
    test(`${name} with a valid body → no 400, 413, 415 or 5xx`, async t => {
      for (const form of forms) {
        const account = await anAccount(world.client)
        const { status, body } = await sender(route, account)(validBody(form, account))
        t.false([400, 413, 415].includes(status) || status >= 500, `${status} ${body?.code}`)
      }
    })

    test(`${name} with a wrong type in any field → 400 that names the field and repeats no value`, async t => {
      const account = await anAccount(world.client)
      const send = sender(route, account)
      const before = await storedRows(world)
      for (const form of forms)
        for (const [field, { nullable }] of Object.entries(form)) {
          const good = validBody(form, account)
          // A password may contain any characters, so some of these values are valid or are refused for
          // another reason.
          const isPassword = /password/.test(field)
          const tries = wrong.filter(
            ([what, value]) =>
              (value !== null || !nullable) &&
              !(isPassword && /control|NUL/.test(what)) &&
              !(field === 'is_active' && typeof value === 'boolean') &&
              // Any text without spaces is a scope.
              !(field === 'scopes' && what === 'a list'),
          )
          const replies = await Promise.all(tries.map(([, value]) => send({ ...good, [field]: value })))
          for (const [i, reply] of replies.entries()) {
            const what = `${field}: ${tries[i]?.[0]}`
            t.is(problemFault(reply), null, what)
            const repeated = reply.text.replace(reply.body.request_id, '')
            t.notRegex(repeated, /canary|20251121|ud800|udc00|\ufffd/i, what)
            t.is(reply.body.code, 'VALIDATION_ERROR', what)
            const errors: Errors = reply.body.errors
            t.true(errors.length > 0, what)
            for (const error of errors) {
              t.deepEqual(Object.keys(error).sort(), ['message', 'path', 'rule'])
              const [named = ''] = error.path.split('.')
              t.true([field, ...(forms.length > 1 ? [''] : [])].includes(named), `${what}: ${error.path}`)
              t.regex(error.rule, /^[a-z][a-z_]*$/, what)
              t.regex(error.message, /^(This|There) .*\.$/, what)
            }
          }
        }
      t.deepEqual(await storedRows(world), before)
      t.is((await world.client.get('me', { token: account.access })).status, 200)
    })

    test(`${name} with fields that clients may not set → 400 and nothing changes`, async t => {
      const account = await anAccount(world.client)
      const send = sender(route, account)
      const before = await storedRows(world)
      const [form = {}] = forms
      const good = validBody(form, account)
      const assignments: Record<string, unknown> = {
        roles: ['admin'],
        role: 'admin',
        is_active: true,
        email_verified: true,
        id: account.userId,
        user_id: account.userId,
        userId: account.userId,
        password_hash: 'x',
        session_epoch: 1,
        created_at: '2000-01-01T00:00:00.000Z',
        constructor: { prototype: { is_active: true } },
        prototype: {},
        toString: 'x',
        'roles[]': 'admin',
        ' email': 'x@example.com',
      }
      for (const [field, value] of Object.entries(assignments)) {
        if (field in form) continue
        const reply = await send({ ...good, [field]: value })
        t.is(problemFault(reply), null, field)
        t.is(reply.body.code, 'VALIDATION_ERROR', field)
        if (forms.length > 1) continue
        const found = (reply.body.errors as Errors).map(({ path, rule }) => [path, rule])
        t.deepEqual(found, [[field, 'unknown']])
      }
      t.deepEqual(await storedRows(world), before)
    })

    test(`${name} with __proto__ or constructor → 400 and no prototype changes`, async t => {
      const account = await anAccount(world.client)
      const send = sender(route, account)
      const good = JSON.stringify(validBody(forms[0] ?? {}, account)).slice(1, -1)
      for (const evil of [
        '"__proto__":{"is_active":false}',
        '"__proto__":null',
        '"constructor":{"prototype":{"is_active":false}}',
        '"\\u005f_proto__":{"is_active":false}',
        '"full_name":{"__proto__":{"is_active":false}}',
      ]) {
        const reply = await send(`{${good},${evil}}`)
        t.is(problemFault(reply), null, evil)
        t.is(reply.body.code, 'VALIDATION_ERROR', evil)
      }
      t.false('is_active' in {})
    })
  }
}

{
  const account = badInputSizesAccount
  const bearer = `Authorization: Bearer ${account.access}`
  const most = 16 * 1024
  const megabytes = ' '.repeat(10_000_000)
  const bombs = {
    gzip: gzipSync(megabytes),
    deflate: deflateSync(megabytes),
    br: brotliCompressSync(megabytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  }

  /** A valid body, padded with spaces to this length. */
  const padded = (forms: (typeof jsonRoutes)[number]['forms'], length: number): string => {
    const content = JSON.stringify(validBody(forms[0] ?? {}, account))
    return content + ' '.repeat(length - Buffer.byteLength(content))
  }

  const chunked = (content: string): string => {
    const parts = content.match(/[\s\S]{1,1000}/g) ?? []
    return `${parts.map(part => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`
  }

  for (const { route, name, forms } of jsonRoutes) {
    const { method, path } = route
    const send = (content: Buffer | string, ...more: string[]): Promise<RawReply> =>
      sendRaw(world.url, withContent(method, path, Buffer.byteLength(content), bearer, ...more), content)
    const sendChunked = (content: string): Promise<RawReply> =>
      sendRaw(
        world.url,
        [
          ...withContent(method, path, 0, bearer).filter(line => !/^content-length/i.test(line)),
          'Transfer-Encoding: chunked',
        ],
        Buffer.from(chunked(content)),
      )

    test(`${name} with more than 16 kB in any encoding → 413 and nothing changes`, async t => {
      const before = await storedRows(world)
      const large = padded(forms, 17_000)
      const replies: [string, RawReply][] = [
        ['with its length', await send(large)],
        ['one byte over', await send(padded(forms, most + 1))],
        ['in chunks', await sendChunked(large)],
        ...(await Promise.all(
          Object.entries(bombs).map(
            async ([encoding, bomb]): Promise<[string, RawReply]> => [
              encoding,
              await send(bomb, `Content-Encoding: ${encoding}`),
            ],
          ),
        )),
        [
          'only an announced length',
          await sendRaw(world.url, withContent(method, path, 1_000_000_000, bearer), '{'),
        ],
      ]
      for (const [what, reply] of replies) {
        t.is(problemFault(reply), null, what)
        t.is(reply.status, 413, what)
        t.is((reply.body as { code: string }).code, 'PAYLOAD_TOO_LARGE', what)
      }
      t.deepEqual(await storedRows(world), before)
    })

    test(`${name} with exactly 16 kB, also in chunks → accepted`, async t => {
      for (const reply of [await send(padded(forms, most)), await sendChunked(padded(forms, most))]) {
        const { status } = reply
        t.false(status === 400 || status === 413 || status === 415 || status >= 500, `${status}`)
      }
    })

    test(`${name} without a body → same reply as for an empty object`, async t => {
      const lines = [`${method} ${path} HTTP/1.1`, 'Host: latchkey.test', bearer]
      const replies = [
        await sendRaw(world.url, lines),
        await send(''),
        await sendChunked(''),
        await send('{}'),
      ]
      const codes = replies.map(({ status, body }) => [status, (body as { code?: string } | null)?.code])
      for (const found of codes) t.deepEqual(found, codes[0])
      t.true((codes[0]?.[0] as number) < 500)
    })
  }

  test('a body of 50 MB → 413 or a closed connection before all of it is read', async t => {
    const reply = await sendRaw(
      world.url,
      withContent('POST', '/api/v1/auth/login', 50_000_000),
      Buffer.alloc(50_000_000, 0x20),
    )
    t.true(reply.status === 413 || reply.status === 0, `${reply.status}`)
  })
}

{
  /** Sends these bytes unchanged, and returns what the server sent until it closed the connection. */
  const exchange = (bytes: string): Promise<string> =>
    new Promise(resolve => {
      const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
      let received = ''
      socket.on('data', chunk => {
        received += chunk
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(received))
      socket.write(bytes, 'latin1')
    })

  const broken: Record<string, [bytes: string, status: number, code: string]> = {
    'bytes that are not HTTP': ['canary7 canary7 canary7\r\n\r\n', 400, 'VALIDATION_ERROR'],
    'a header without a name': ['GET /livez HTTP/1.1\r\n: canary7\r\n\r\n', 400, 'VALIDATION_ERROR'],
    'a control byte in a header': [
      'GET /livez HTTP/1.1\r\nHost: x\r\nX: canary7\x01\r\n\r\n',
      400,
      'VALIDATION_ERROR',
    ],
    'two lengths': [
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\ncanary7',
      400,
      'VALIDATION_ERROR',
    ],
    'both Content-Length and chunked (request smuggling)': [
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\ncanary7',
      400,
      'VALIDATION_ERROR',
    ],
    'a head of 100 kB': [
      `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'canary7'.repeat(15_000)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
  }

  for (const [what, [bytes, status, code]] of Object.entries(broken))
    test(`${what} → a problem that does not repeat the input`, async t => {
      const received = await exchange(bytes)
      const [head = '', content = ''] = received.split('\r\n\r\n')
      t.true(head.startsWith(`HTTP/1.1 ${status} `), head)
      t.regex(head, /^content-type: application\/problem\+json$/im)
      t.regex(head, /^connection: close$/im)
      t.regex(head, /^cache-control: no-store$/im)
      const problem = JSON.parse(content)
      t.like(problem, { status, code, type: `/problems/${code.toLowerCase().replaceAll('_', '-')}` })
      t.regex(problem.request_id, /^[\w-]{36}$/)
      t.true(head.toLowerCase().includes(`x-request-id: ${problem.request_id}`))
      t.false(received.includes('canary7'))
      t.is((await world.client.get('/livez')).status, 200)
    })

  test('malformed second request on a connection → the first is answered and the connection closes', async t => {
    const received = await exchange('GET /livez HTTP/1.1\r\nHost: x\r\n\r\ncanary7\r\n\r\n')
    t.regex(received, /^HTTP\/1\.1 (200|400) /)
    t.false(received.includes('canary7'))
  })

  test('client that never closes its side → the connection is cut within 13 s', async t => {
    const durations = await Promise.all(
      ['', 'GET /livez HTTP/1.1\r\nX-Half: ', 'canary7\r\n\r\n'].map(
        bytes =>
          new Promise<number>((resolve, reject) => {
            const began = performance.now()
            const socket = connect({
              port: Number(new URL(world.url).port),
              host: '127.0.0.1',
              allowHalfOpen: true,
            })
            const timer = setTimeout(
              () => reject(new Error('the connection is still open')),
              15_000 * slowness,
            )
            socket.on('data', () => {})
            socket.on('end', () => {
              // The server has closed its side. Writes fail once it has dropped the connection completely.
              const probe = setInterval(() => socket.write('x'), 200)
              socket.on('close', () => clearInterval(probe))
            })
            socket.on('error', () => {})
            socket.on('close', () => {
              clearTimeout(timer)
              resolve(performance.now() - began)
            })
            if (bytes) socket.write(bytes)
          }),
      ),
    )
    for (const took of durations) t.true(took < 13_000 * slowness, `${took} ms`)
  })
}

{
  const { client } = world
  test('DELETE with a body → the body is validated like that of any other method', async t => {
    const { access: token } = await anAccount(client)
    const remove = (body?: unknown) => client.send('DELETE', 'me', { token, body })
    t.is((await remove({ password: 'not the password 1' })).body.code, 'INVALID_CURRENT_PASSWORD')
    t.is((await remove()).body.code, 'VALIDATION_ERROR')
    t.is((await remove({ password, nonsense: true })).body.code, 'VALIDATION_ERROR')
    t.is((await remove({ password })).status, 204)
  })
}
