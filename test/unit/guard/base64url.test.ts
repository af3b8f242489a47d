import test from 'ava'
import fc from 'fast-check'
import { decode } from '../../../packages/guard/src/base64url.ts'

// The guard decodes without Node. It must agree with Node, except that it refuses a second spelling of the same bytes.

test('any bytes as Node encodes them → decoded again', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      const text = Buffer.from(bytes).toString('base64url')
      return Buffer.from(decode(text) ?? [1]).equals(bytes)
    }),
  )
  t.pass()
})

test('any text → decoded only if encoding the bytes gives the same text', t => {
  const character = fc.constantFrom(...'ABCDabcd0189-_+/= \n.é\u0000\u{1f511}')
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 12 }), text => {
      const bytes = Buffer.from(text, 'base64url')
      const isCanonical = bytes.toString('base64url') === text
      const decoded = decode(text)
      return isCanonical ? decoded !== null && bytes.equals(decoded) : decoded === null
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
