import { gzipSync } from 'node:zlib'
import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'
import { everything, faultOf, formRoutes, goodBody, jsonRoutes } from './bodied-routes.ts'
import { type RawReply, sendRaw, withContent } from './raw.ts'

const world = await openWorld()
const account = await anAccount(world.client)
test.after.always(() => world[Symbol.asyncDispose]())

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
  ['true', 'true'],
  ['null', 'null'],
  ['blank', '  \n '],
  ['no JSON', 'canary'],
  ['half of an object', '{"email":"canary'],
  ['a comma too many', '{"email":"canary@example.com",}'],
  ['something after the object', '{"email":"canary@example.com"} canary'],
  ['two objects', '{}{}'],
  ['single quotes', "{'email':'canary@example.com'}"],
  ['a comment', '{/* canary */}'],
  ['a NUL', '{"email":"canary"}\0'],
  ['bytes that begin no character', invalidUtf8([0xff, 0xfe])],
  ['half of a character', invalidUtf8([0xc3])],
  ['a character in more bytes than it needs', invalidUtf8([0xc0, 0xaf])],
  ['a surrogate in bytes', invalidUtf8([0xed, 0xa0, 0x80])],
  ['UTF-16', Buffer.from('{"email":"canary@example.com"}', 'utf16le')],
  ['lists in lists', '['.repeat(16_000)],
  ['lists in lists that end', '['.repeat(8000) + ']'.repeat(8000)],
  ['objects in objects', `${'{"canary":'.repeat(1300)}1${'}'.repeat(1300)}`],
  ['an unknown field of lists in lists', `{"canary":${'['.repeat(8000)}${']'.repeat(8000)}}`],
]

for (const { route, name, forms } of jsonRoutes) {
  test.serial(`${name} refuses a body that is no JSON object in UTF-8`, async t => {
    const before = await everything(world)
    for (const [what, content] of broken) {
      const reply = await send(route, content)
      t.is(faultOf(reply), null, what)
      const { code, errors } = reply.body as { code: string; errors: object[] }
      t.is(code, 'VALIDATION_ERROR', what)
      t.true(errors.length > 0, what)
      t.notRegex(reply.text.replaceAll('"path":"canary"', ''), /canary/, what)
    }
    t.deepEqual(await everything(world), before)
  })

  // Read leniently, two passwords of different bytes would be one text full of replacement characters.
  test.serial(`${name} refuses bytes that are no UTF-8 in each of its fields`, async t => {
    for (const form of forms)
      for (const field of Object.keys(form)) {
        const [front = '', back = ''] = JSON.stringify({
          ...goodBody(form, account),
          [field]: 'correct horse 9HERE',
        }).split('HERE')
        for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80]]) {
          const reply = await send(
            route,
            Buffer.concat([Buffer.from(front), Buffer.from(bytes), Buffer.from(back)]),
          )
          t.is(faultOf(reply), null, field)
          t.like(reply.body, { errors: [{ path: '', rule: 'json' }] }, field)
        }
      }
  })

  test.serial(`${name} refuses deep nesting in each of its fields`, async t => {
    for (const form of forms)
      for (const field of Object.keys(form)) {
        const good = { ...goodBody(form, account), [field]: 'HERE' }
        const deep = `${'['.repeat(7000)}${']'.repeat(7000)}`
        const reply = await send(route, JSON.stringify(good).replace('"HERE"', deep))
        t.is(faultOf(reply), null, field)
        t.is(reply.status, 400)
      }
  })

  test.serial(`${name} takes no other type of content, charset or compression`, async t => {
    const before = await everything(world)
    const content = JSON.stringify(goodBody(forms[0] ?? {}, account))
    const { method, path } = route
    for (const type of [
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
    ]) {
      const lines = withContent(method, path, content.length, bearer).filter(l => !/^content-type/i.test(l))
      const reply = await sendRaw(
        world.url,
        type === null ? lines : [...lines, `Content-Type: ${type}`],
        content,
      )
      t.is(faultOf(reply), null, String(type))
      t.is(reply.status, 415, String(type))
    }
    for (const encoding of ['compress', 'zstd', 'canary', 'gzip, gzip', 'gzip;q=1']) {
      const reply = await send(route, content, `Content-Encoding: ${encoding}`)
      t.is(faultOf(reply), null, encoding)
      t.is(reply.status, 415, encoding)
    }
    t.deepEqual(await everything(world), before)
  })

  test.serial(`${name} refuses what claims to be compressed and is not, or ends early`, async t => {
    const content = JSON.stringify(goodBody(forms[0] ?? {}, account))
    const zipped = gzipSync(content)
    for (const [encoding, sent] of [
      ['gzip', Buffer.from(content)],
      ['gzip', zipped.subarray(0, -6)],
      ['gzip', Buffer.concat([zipped.subarray(0, 12), Buffer.alloc(9, 0xff)])],
      ['deflate', Buffer.from(content)],
      ['br', Buffer.from(content)],
    ] as const) {
      const reply = await send(route, sent, `Content-Encoding: ${encoding}`)
      t.is(faultOf(reply), null, encoding)
    }
  })
}

for (const { route, name } of formRoutes)
  test.serial(`${name} takes forms and nothing else, and never fails`, async t => {
    const before = await everything(world)
    const form = ['Content-Type: application/x-www-form-urlencoded']
    const asForm = (content: string | Buffer, type = form) => {
      const lines = withContent(route.method, route.path, Buffer.byteLength(content))
      return sendRaw(world.url, [...lines.filter(line => !/^content-type/i.test(line)), ...type], content)
    }
    for (const type of [[], ['Content-Type: application/json'], ['Content-Type: text/plain']]) {
      const reply = await asForm('token=x', type)
      t.is(faultOf(reply), null)
      t.is(reply.status, 415)
    }
    const odd = ['', 'token', 'token=', 'token=%', 'token=%ff', 'token=%00', 'token=a&token=b', 'token[a]=b']
    for (const content of [...odd, 'token[]=a', '__proto__[a]=b', 'constructor[a]=b', '&&&', '=', 'x=y']) {
      const { status, text } = await asForm(content)
      t.true(status === 400 || status === 401, `${content}: ${status}`)
      t.notRegex(text, /at .*\.ts|Error:/)
    }
    t.is((await asForm(`token=${'a'.repeat(17_000)}`)).status, 413)
    t.is((await asForm(Array(4000).fill('a[b]').join('&'))).status < 500, true)
    t.deepEqual(await everything(world), before)
    t.false('a' in {})
  })
