import test from 'ava'
import { openHashQueue } from '../../../src/platform/crypto/hash-queue.ts'
import { openHasher } from '../../../src/platform/crypto/password.ts'

const takeMany = <T>(queue: { take: () => T | undefined }, count: number): (T | undefined)[] =>
  Array.from({ length: count }, () => queue.take())

test('only one lane has entries → served in the order they were added', t => {
  for (const lane of ['known', 'unknown'] as const) {
    const queue = openHashQueue<string>(3)
    for (const entry of ['a', 'b', 'c']) queue.add(entry, lane)
    t.deepEqual(takeMany(queue, 4), ['a', 'b', 'c', undefined])
  }
})

test('both lanes have entries → three turns for known clients, then one for unknown ones', t => {
  const queue = openHashQueue<string>(10)
  for (let i = 1; i <= 4; i++) queue.add(`unknown ${i}`, 'unknown')
  for (let i = 1; i <= 7; i++) queue.add(`known ${i}`, 'known')
  t.deepEqual(takeMany(queue, 12), [
    ...['known 1', 'known 2', 'known 3', 'unknown 1'],
    ...['known 4', 'known 5', 'known 6', 'unknown 2'],
    ...['known 7', 'unknown 3', 'unknown 4', undefined],
  ])
})

test('known clients keep arriving → unknown clients still get a quarter of the turns', t => {
  const queue = openHashQueue<string>(100)
  for (let i = 0; i < 100; i++) queue.add('unknown', 'unknown')
  const turns = Array.from({ length: 40 }, () => {
    queue.add('known', 'known')
    return queue.take()
  })
  t.is(turns.filter(turn => turn === 'unknown').length, 10)
})

test('one lane is full → the other lane keeps all its places', t => {
  for (const [full, other] of [
    ['unknown', 'known'],
    ['known', 'unknown'],
  ] as const) {
    const queue = openHashQueue<number>(2)
    for (const entry of [1, 2]) queue.add(entry, full)
    t.true(queue.isFull(full))
    for (const entry of [3, 4]) {
      t.false(queue.isFull(other))
      queue.add(entry, other)
    }
    t.true(queue.isFull(other))
    t.is(queue.length(), 4)
  }
})

test('entry that follows a comparison → served before both lanes, even if they are full', t => {
  const queue = openHashQueue<string>(1)
  queue.add('known', 'known')
  queue.add('unknown', 'unknown')
  t.false(queue.isFull('next'))
  queue.add('next', 'next')
  t.deepEqual(takeMany(queue, 3), ['next', 'known', 'unknown'])
})

test('entry is removed → not served, and its place is free', t => {
  const queue = openHashQueue<string>(2)
  for (const entry of ['a', 'b']) queue.add(entry, 'unknown')
  t.true(queue.remove('a'))
  t.false(queue.remove('a'))
  t.false(queue.isFull('unknown'))
  t.deepEqual(takeMany(queue, 2), ['b', undefined])
})

test('unknown clients fill their lane → a known comparison is served before they are done', async t => {
  await using hasher = openHasher({ cost: 6, threads: 1, maxQueue: 8, timeoutMs: 60_000 })
  const done: string[] = []
  const flood = Array.from({ length: 9 }, (_, i) => hasher.hash('x').then(() => done.push(`unknown ${i}`)))
  await t.throwsAsync(hasher.hash('x'), { code: 'ERR_HASHER_BUSY' })
  await t.throwsAsync(hasher.compare('x', null), { code: 'ERR_HASHER_BUSY' })
  const known = [
    hasher.compare('x', null, { lane: 'known' }).then(() => done.push('known')),
    hasher.hash('x', { lane: 'known' }).then(() => done.push('known')),
  ]
  await Promise.all([...flood, ...known])
  t.deepEqual(done.slice(1, 3), ['known', 'known'])
  t.is(done.length, 11)
})
