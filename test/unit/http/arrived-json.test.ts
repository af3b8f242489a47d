import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import anyTest from 'ava'
import fc from 'fast-check'
import Koa from 'koa'
import { Problem } from '../../../src/platform/catalog/problems.ts'
import { readBody } from '../../../src/platform/http/read-body.ts'

// A body that arrives with its headers is read in a shorter way. It must yield what the parser yields for a body that
// arrives later.

// One request at a time, so that a body can be sent after the server has the headers.
const test = anyTest.serial

const app = new Koa({ asyncLocalStorage: false })
app.use(async ctx => {
  const said = await readBody(ctx, 'json').then(
    body => (body instanceof Problem ? { problem: body.code, extra: body.extra } : { body }),
    (error: Error & { status?: number }) => ({ error: error.name, status: error.status }),
  )
  // The parser keeps the text of the body.
  ctx.body = JSON.stringify({ said, byParser: 'rawBody' in ctx.request })
})
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
anyTest.after.always(() => void server.close())

type Answer = { said: unknown; byParser: boolean }

/** Sends a body with its headers, or `later`, and then a second request on the same connection. */
const send = async (body: Buffer, later: boolean, headers = ''): Promise<Answer> => {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\n\r\n`
  if (later) {
    const asked = once(server, 'request')
    socket.write(head)
    await asked
    await setImmediate()
    socket.write(body)
  } else socket.write(Buffer.concat([Buffer.from(head), body]))
  const reply = async () => String((await once(socket, 'data'))[0])
  const first = await reply()
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  if (!(await reply()).startsWith('HTTP/1.1 200')) throw new Error('the next request failed')
  socket.destroy()
  return JSON.parse(first.slice(first.indexOf('\r\n\r\n')))
}

const unusual = [
  ...[
    '[]',
    '[1]',
    'null',
    '1',
    '"a"',
    '',
    ' ',
    '{',
    '{}x',
    '{"a":1,}',
    "{'a':1}",
    '{"a":1}{}',
    'NaN',
    '\ufeff{}',
  ],
  ...[
    '{"__proto__":{}}',
    '{"a":[{"__proto__":1}]}',
    '{"\\u005f_proto__":1}',
    '{"a":"__proto__"}',
    '{"a":"\\u0000"}',
  ],
  ...[
    '{"constructor":{"prototype":1}}',
    '{"a":1,"a":2}',
    '{"é":"ü\ud83d\ude00"}',
    '{"a":"\ufffd"}',
    '{"a":"\ud800"}',
  ],
  ...[
    `{"a":"${'x'.repeat(17_000)}"}`,
    '['.repeat(9000),
    `{"a":${'['.repeat(4000)}${']'.repeat(4000)}}`,
    ' {"a" : 1}\n',
  ],
].map(text => Buffer.from(text))
const notUtf8 = [
  Buffer.from([123, 34, 97, 34, 58, 34, 255, 34, 125]),
  Buffer.from([123, 125, 192]),
  Buffer.from([0]),
]

test('an unusual body arrives with its headers → the same answer as for one that arrives later', async t => {
  for (const body of [...unusual, ...notUtf8]) {
    const together = await send(body, false)
    const apart = await send(body, true)
    t.deepEqual(together.said, apart.said, body.toString().slice(0, 60))
  }
})

test('any JSON object arrives with its headers → read without the parser, unless it has escapes', async t => {
  const object = fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), {
    noNullPrototype: true,
  })
  await fc.assert(
    fc.asyncProperty(object, async value => {
      const text = JSON.stringify(value)
      const { said, byParser } = await send(Buffer.from(text), false)
      t.deepEqual(said, { body: JSON.parse(text) })
      t.is(byParser, text.includes('\\') || text.includes('__proto__'))
    }),
    { numRuns: 60 },
  )
})

test('a compressed body or one that arrives later → read by the parser', async t => {
  const body = Buffer.from('{"a":1}')
  t.deepEqual(await send(body, true), { said: { body: { a: 1 } }, byParser: true })
  t.deepEqual(await send(body, false), { said: { body: { a: 1 } }, byParser: false })
  const { said } = await send(body, false, 'Content-Encoding: gzip\r\n')
  t.like(said, { error: 'SyntaxError', status: 400 })
})
