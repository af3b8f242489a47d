import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib'
import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'
import { everything, faultOf, goodBody, jsonRoutes } from './bodied-routes.ts'
import { type RawReply, sendRaw, withContent } from './raw.ts'

const world = await openWorld()
const account = await anAccount(world.client)
test.after.always(() => world[Symbol.asyncDispose]())

const bearer = `Authorization: Bearer ${account.access}`
const most = 16 * 1024
const megabytes = ' '.repeat(10_000_000)
const bombs = {
  gzip: gzipSync(megabytes),
  deflate: deflateSync(megabytes),
  br: brotliCompressSync(megabytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
}

/** A good body that spaces make as long as wanted. */
const padded = (forms: (typeof jsonRoutes)[number]['forms'], length: number): string => {
  const content = JSON.stringify(goodBody(forms[0] ?? {}, account))
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

  test.serial(`${name} refuses a body of more than 16 kB, however it is sent`, async t => {
    const before = await everything(world)
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
        'a length that is announced',
        await sendRaw(world.url, withContent(method, path, 1_000_000_000, bearer), '{'),
      ],
    ]
    for (const [what, reply] of replies) {
      t.is(faultOf(reply), null, what)
      t.is(reply.status, 413, what)
      t.is((reply.body as { code: string }).code, 'PAYLOAD_TOO_LARGE', what)
    }
    t.deepEqual(await everything(world), before)
  })

  test.serial(`${name} takes 16 kB, also in chunks`, async t => {
    for (const reply of [await send(padded(forms, most)), await sendChunked(padded(forms, most))]) {
      const { status } = reply
      t.false(status === 400 || status === 413 || status === 415 || status >= 500, `${status}`)
    }
  })

  test.serial(`${name} takes no body for an empty object`, async t => {
    const lines = [`${method} ${path} HTTP/1.1`, 'Host: latchkey.test', bearer]
    const replies = [await sendRaw(world.url, lines), await send(''), await sendChunked(''), await send('{}')]
    const codes = replies.map(({ status, body }) => [status, (body as { code?: string } | null)?.code])
    for (const found of codes) t.deepEqual(found, codes[0])
    t.true((codes[0]?.[0] as number) < 500)
  })
}

test('a body is read no further than the limit: a flood of it is cut off', async t => {
  const reply = await sendRaw(
    world.url,
    withContent('POST', '/api/v1/auth/login', 50_000_000),
    Buffer.alloc(50_000_000, 0x20),
  )
  t.true(reply.status === 413 || reply.status === 0, `${reply.status}`)
})
