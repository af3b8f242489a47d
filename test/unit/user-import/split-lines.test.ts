import test from 'ava'
import fc from 'fast-check'
import { splitLines } from '../../../src/features/user-import/split-lines.ts'

// Reads the lines of an import from a file of any size.

const longest = 65_536
const tooLong = { reason: 'the line is longer than 65536 bytes' }

const linesOf = async (chunks: Iterable<Buffer>) => {
  async function* all() {
    yield* chunks
  }
  return Array.fromAsync(splitLines(all()))
}

test('text split into any chunks → its lines with whole characters', async t => {
  const chunked = fc.tuple(
    fc.array(fc.string({ unit: 'grapheme' })),
    fc.array(fc.integer({ min: 1, max: 7 })),
  )
  await fc.assert(
    fc.asyncProperty(chunked, async ([given, sizes]) => {
      const lines = given.map(line => line.replaceAll('\n', ' ').replaceAll('\uFEFF', ' '))
      const bytes = Buffer.from(lines.map(line => `${line}\n`).join(''))
      const chunks: Buffer[] = []
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % Math.max(1, sizes.length)] ?? 3
        chunks.push(bytes.subarray(at, at + size))
        at += size
      }
      t.deepEqual(await linesOf(chunks), lines)
    }),
  )
})

test('last line without a line feed, or an empty file → the last line, or no lines', async t => {
  t.deepEqual(await linesOf([Buffer.from('a\nb')]), ['a', 'b'])
  t.deepEqual(await linesOf([Buffer.from('a\nb\n')]), ['a', 'b'])
  t.deepEqual(await linesOf([]), [])
  t.deepEqual(await linesOf([Buffer.from('\n\na')]), ['', '', 'a'])
})

test('byte order mark → removed, while \\r and U+2028 stay in their lines', async t => {
  t.deepEqual(await linesOf([Buffer.from('\uFEFFa\r\n"b\u2028c"\r\n')]), ['a\r', '"b\u2028c"\r'])
})

test('line of exactly 64 KB → read, one byte more → refused', async t => {
  const line = Buffer.alloc(longest, 'a')
  t.deepEqual(await linesOf([line, Buffer.from('\nnext')]), [line.toString(), 'next'])
  t.deepEqual(await linesOf([line, Buffer.from('a\nnext')]), [tooLong, 'next'])
  t.deepEqual(await linesOf([Buffer.from('first\n'), line, line]), ['first', tooLong])
})

test('line that is not UTF-8 → refused, and the next line is read', async t => {
  const bytes = Buffer.concat([Buffer.from('a\n'), Buffer.from([0x7a, 0xe9, 0x0a]), Buffer.from('é')])
  t.deepEqual(await linesOf([bytes]), ['a', { reason: 'the line is not UTF-8' }, 'é'])
})

test('one line of 600 MB → refused without keeping it in memory, and the next line is read', async t => {
  const chunk = Buffer.alloc(65_536, 'a')
  let most = 0
  function* file() {
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 9600; i++) {
      if (i % 100 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      yield chunk
    }
    yield Buffer.from('\n{"email":"ada@example.com"}\n')
  }
  t.deepEqual(await linesOf(file()), [tooLong, '{"email":"ada@example.com"}'])
  t.true(most < 20_000_000, `${most} bytes`)
})
