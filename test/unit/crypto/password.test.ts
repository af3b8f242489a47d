import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import anyTest from 'ava'
import bcrypt from 'bcrypt'
import { decoyHash, openHasher } from '../../../src/platform/crypto/password.ts'

// Password hashing: every byte counts, the queue is bounded, and unknown accounts cost the same.

const test = anyTest.serial

{
  const hasher = openHasher({ cost: 4, threads: 2, timeoutMs: 60_000 })
  const matches = async (password: string, other: string) =>
    (await hasher.compare(other, await hasher.hash(password))).matches

  const a72 = 'A'.repeat(72)
  const emoji = '😀'.repeat(63)
  const different: Record<string, [string, string]> = {
    'after 72 bytes': [`${a72}x`, `${a72}y`],
    'after 72 bytes, or nothing there': [`${a72}x`, a72],
    'after a NUL': ['abc\0d', 'abc\0e'],
    'a NUL at the end': ['abc\0', 'abc'],
    'a space at the end': ['correct horse ', 'correct horse'],
    'a space before': [' correct horse', 'correct horse'],
    'the case of a letter': ['Correct horse', 'correct horse'],
    'the last of 64 emoji': [`${emoji}😀`, `${emoji}😁`],
    'the last of 64 letters with an accent': [`${'é'.repeat(63)}é`, `${'é'.repeat(63)}è`],
    'full-width letters, which only NFKC would fold': ['ｐassword1', 'password1'],
    'the last of 256 emoji': [`${'😀'.repeat(255)}😀`, `${'😀'.repeat(255)}😁`],
  }

  for (const [name, [password, other]] of Object.entries(different)) {
    test(`passwords that differ in one detail do not match each other: ${name}`, async t => {
      t.true(await matches(password, password))
      t.true(await matches(other, other))
      t.false(await matches(password, other))
      t.false(await matches(other, password))
    })
  }

  test('password in NFC and NFD form → both match one hash, short or long', async t => {
    for (const word of ['crème brûlée 7', 'é'.repeat(80)]) {
      t.not(word.normalize('NFC'), word.normalize('NFD'))
      t.true(await matches(word.normalize('NFC'), word.normalize('NFD')))
      t.true(await matches(word.normalize('NFD'), word.normalize('NFC')))
    }
  })

  test('password of up to 72 bytes → plain bcrypt, so that imported hashes keep working', async t => {
    t.true((await hasher.compare(a72, bcrypt.hashSync(a72, 4))).matches)
    t.true(bcrypt.compareSync(a72, await hasher.hash(a72)))
  })

  test('password with a NUL → pre-hashed, because other bcrypt implementations stop at a NUL', async t => {
    t.false(bcrypt.compareSync('abc\0d', await hasher.hash('abc\0d')))
    t.true(await matches('abc\0d', 'abc\0d'))
  })

  test('bcrypt hash of PHP ($2y$) or an old version ($2a$) → compared like $2b$', async t => {
    const stored = await hasher.hash('tr0ub4dor')
    for (const version of ['$2y$', '$2a$']) {
      const { matches } = await hasher.compare('tr0ub4dor', stored.replace('$2b$', version))
      t.true(matches)
      t.false((await hasher.compare('tr0ub4dor ', stored.replace('$2b$', version))).matches)
    }
  })

  test('hash of another cost → needsRehash only for the correct password', async t => {
    const other = bcrypt.hashSync('tr0ub4dor', 5)
    t.deepEqual(await hasher.compare('tr0ub4dor', other), { matches: true, needsRehash: true })
    t.deepEqual(await hasher.compare('wrong', other), { matches: false, needsRehash: false })
    const current = await hasher.hash('tr0ub4dor')
    t.true(current.startsWith('$2b$04$'))
    t.deepEqual(await hasher.compare('tr0ub4dor', current), { matches: true, needsRehash: false })
  })

  test('cost that bcrypt would silently change, or no thread → RangeError at start', t => {
    for (const cost of [3, 32, 4.5, Number.NaN])
      t.throws(() => openHasher({ cost }), { instanceOf: RangeError })
    t.throws(() => openHasher({ cost: 4, threads: 0 }), { instanceOf: RangeError })
  })
}

{
  // Hashing threads have low priority. On a busy machine a short timeout would fail these tests.
  const timeoutMs = 60_000

  test('decoy hash for unknown accounts → a bcrypt hash of the current cost', t => {
    const decoy = decoyHash(12)
    t.is(bcrypt.getRounds(decoy), 12)
    t.is(decoy.length, bcrypt.hashSync('x', 4).length)
    t.regex(decoy, /^\$2b\$12\$[./A-Za-z0-9]{53}$/)
    t.not(decoyHash(12), decoy)
  })

  test('decoy hash → bcrypt can use its cost and salt unchanged', t => {
    const decoy = decoyHash(4)
    // 28 characters: version, cost and salt except its last character, whose unused bits bcrypt clears.
    t.is(bcrypt.hashSync('password', decoy.slice(0, 29)).slice(0, 28), decoy.slice(0, 28))
    t.false(bcrypt.compareSync('password', decoy))
  })

  test('comparison for an unknown account → waits in the same queue', async t => {
    await using hasher = openHasher({ cost: 4, threads: 1, maxQueue: 1, timeoutMs })
    const none = { matches: false, needsRehash: false }
    const first = hasher.compare('password', null)
    const second = hasher.compare('password', null)
    await t.throwsAsync(hasher.compare('password', null), { code: 'ERR_HASHER_BUSY' })
    t.deepEqual(await first, none)
    t.deepEqual(await second, none)
  })

  test('stored text that is not a bcrypt hash → compares like no account', async t => {
    await using hasher = openHasher({ cost: 4, threads: 1, timeoutMs })
    const stored = await hasher.hash('password')
    for (const broken of [
      '',
      'x',
      '!',
      stored.slice(0, -1),
      `${stored}x`,
      `${stored}\n`,
      stored.replace('$04$', '$99$'),
    ])
      t.deepEqual(await hasher.compare('password', broken), { matches: false, needsRehash: false })
  })
}

{
  const run = promisify(execFile)
  const module = new URL('../../../src/platform/crypto/password.ts', import.meta.url).href
  const secret = 'canary-7f3a'
  // Hashing threads have low priority. On a busy machine a short timeout would fail these tests.
  const timeoutMs = 60_000

  /** Opens a hasher, and returns it with the threads that it starts, now and later. */
  function watchThreads(options: { cost: number; threads: number; maxQueue?: number }) {
    const threads: Worker[] = []
    const seen = (worker: Worker) => threads.push(worker)
    process.on('worker', seen)
    const hasher = openHasher({ timeoutMs, ...options })
    return { hasher, threads, [Symbol.dispose]: () => process.off('worker', seen) }
  }

  test('more hashes at once than queue and threads hold → the first are served, the rest is refused', async t => {
    await using hasher = openHasher({ cost: 4, threads: 2, maxQueue: 3, timeoutMs })
    await Promise.all([hasher.hash('warm'), hasher.hash('warm')])
    const flood = Array.from({ length: 40 }, () => hasher.hash(secret))
    const results = await Promise.allSettled(flood)
    const served = results.map(result => result.status === 'fulfilled')
    t.deepEqual(served, [...Array(5).fill(true), ...Array(35).fill(false)])
    for (const result of results.slice(5))
      if (result.status === 'rejected') {
        t.is(result.reason.code, 'ERR_HASHER_BUSY')
        t.false(JSON.stringify([result.reason.stack, result.reason]).includes(secret))
      }
    t.true((await hasher.compare(secret, await hasher.hash(secret))).matches)
  })

  test('no maxQueue → the queue holds 24 entries per thread', async t => {
    await using hasher = openHasher({ cost: 4, threads: 1, timeoutMs })
    await hasher.hash('warm')
    const results = await Promise.allSettled(Array.from({ length: 30 }, () => hasher.hash(secret)))
    t.is(results.filter(result => result.status === 'fulfilled').length, 25)
  })

  test('job waits longer than its timeout → ERR_HASHER_BUSY, and a later job is served', async t => {
    await using hasher = openHasher({ cost: 12, threads: 1, timeoutMs: 400 })
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => hasher.hash(secret)))
    const late = results.filter(result => result.status === 'rejected')
    t.true(late.length > 0 && late.length < 12)
    for (const { reason } of late) t.is(reason.code, 'ERR_HASHER_BUSY')
    await t.notThrowsAsync(hasher.compare(secret, null))
  })

  test('hash that follows a comparison, with a full queue → runs before waiting jobs', async t => {
    await using hasher = openHasher({ cost: 6, threads: 1, maxQueue: 6, timeoutMs })
    const done: string[] = []
    const waiting = Array.from({ length: 7 }, (_, i) =>
      hasher.hash(secret).then(() => done.push(`later ${i}`)),
    )
    await t.throwsAsync(hasher.hash(secret), { code: 'ERR_HASHER_BUSY' })
    const next = hasher.hash(secret, { next: true }).then(() => done.push('next'))
    await Promise.all([...waiting, next])
    t.is(done.indexOf('next'), 1)
  })

  // The tests below watch the process for new threads, so they run one at a time.
  test('thread dies → only its running job fails, the next runs in a new thread', async t => {
    using world = watchThreads({ cost: 10, threads: 1 })
    await using hasher = world.hasher
    await hasher.hash('warm')
    const running = hasher.hash(secret)
    const waiting = hasher.hash(secret)
    void world.threads[0]?.terminate()
    const error = await t.throwsAsync(running, { code: 'ERR_HASHER_FAILED' })
    t.false(`${error?.stack}`.includes(secret))
    t.true((await waiting).startsWith('$2b$10$'))
    t.is(world.threads.length, 2)
  })

  test('idle thread dies → the next job runs in a new thread', async t => {
    using world = watchThreads({ cost: 4, threads: 1 })
    await using hasher = world.hasher
    await hasher.hash('warm')
    await world.threads[0]?.terminate()
    t.true((await hasher.compare(secret, await hasher.hash(secret))).matches)
    t.is(world.threads.length, 2)
  })

  test('hasher is closed → running, waiting and later jobs fail with ERR_HASHER_CLOSED', async t => {
    using world = watchThreads({ cost: 10, threads: 1 })
    const { hasher } = world
    const accepted = [hasher.hash(secret), hasher.hash(secret)]
    const closing = hasher[Symbol.asyncDispose]()
    for (const job of accepted) await t.throwsAsync(job, { code: 'ERR_HASHER_CLOSED' })
    await closing
    await t.throwsAsync(hasher.hash(secret), { code: 'ERR_HASHER_CLOSED' })
    await t.notThrowsAsync(async () => hasher[Symbol.asyncDispose]())
    t.is(world.threads.length, 1)
  })

  const endings: Record<string, string> = {
    'idle and never closed': "await hasher.hash('x')",
    closed: "await hasher.hash('x'); await hasher[Symbol.asyncDispose]()",
    'never used': '',
  }
  for (const [name, script] of Object.entries(endings)) {
    test(`hasher that is ${name} → its threads do not keep the process alive`, async t => {
      const code = `const { openHasher } = await import('${module}')
      const hasher = openHasher({ cost: 4, threads: 2 })
      ${script}
      console.log('end')`
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
      t.is(stdout, 'end\n')
    })
  }

  test('hash is running → the process stays alive until it is done', async t => {
    const code = `const { openHasher } = await import('${module}')
    openHasher({ cost: 4, threads: 1 }).hash('x').then(hash => console.log(hash.slice(0, 7)))`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
    t.is(stdout, '$2b$04$\n')
  })

  if (process.platform === 'linux') {
    test('on Linux → the hashing threads have a lower priority than the main thread', async t => {
      const code = `const { openHasher } = await import('${module}')
      const { readFileSync, readdirSync } = await import('node:fs')
      const hasher = openHasher({ cost: 4, threads: 2 })
      await Promise.all([hasher.hash('x'), hasher.hash('x')])
      const nice = id => Number(readFileSync('/proc/self/task/' + id + '/stat', 'utf8').split(') ')[1].split(' ')[16])
      const ids = readdirSync('/proc/self/task')
      const own = nice(process.pid)
      console.log(ids.filter(id => nice(id) > own && nice(id) === Math.min(own + 10, 19)).length, own)`
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
      const [lowered, own] = stdout.trim().split(' ')
      // A process that already has the lowest priority has no lower one for its threads.
      t.is(lowered, own === '19' ? '0' : '2')
    })
  }
}
