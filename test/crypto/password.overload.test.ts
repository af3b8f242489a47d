import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import test from 'ava'
import { openHasher } from '../../src/crypto/password.ts'

const run = promisify(execFile)
const module = new URL('../../src/crypto/password.ts', import.meta.url).href
const secret = 'canary-7f3a'
// Where the machine is busy, threads of low priority are not what is tested.
const patience = 60_000

/** Opens a hasher and hands out the threads that it starts, now and later. */
function watched(options: { cost: number; threads: number; maxQueue?: number }) {
  const threads: Worker[] = []
  const seen = (worker: Worker) => threads.push(worker)
  process.on('worker', seen)
  const hasher = openHasher({ patience, ...options })
  return { hasher, threads, [Symbol.dispose]: () => process.off('worker', seen) }
}

test('a flood is turned away at once while those who came first are served', async t => {
  await using hasher = openHasher({ cost: 4, threads: 2, maxQueue: 3, patience })
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

test('without a bound of its own the queue holds 24 a thread', async t => {
  await using hasher = openHasher({ cost: 4, threads: 1, patience })
  await hasher.hash('warm')
  const results = await Promise.allSettled(Array.from({ length: 30 }, () => hasher.hash(secret)))
  t.is(results.filter(result => result.status === 'fulfilled').length, 25)
})

test('who has waited for long is told to come back, and a later one is served', async t => {
  await using hasher = openHasher({ cost: 12, threads: 1, patience: 400 })
  const results = await Promise.allSettled(Array.from({ length: 12 }, () => hasher.hash(secret)))
  const late = results.filter(result => result.status === 'rejected')
  t.true(late.length > 0 && late.length < 12)
  for (const { reason } of late) t.is(reason.code, 'ERR_HASHER_BUSY')
  await t.notThrowsAsync(hasher.compare(secret, null))
})

test('who has waited for a comparison is hashed before those who have just come, also when the queue is full', async t => {
  await using hasher = openHasher({ cost: 6, threads: 1, maxQueue: 6, patience })
  const done: string[] = []
  const waiting = Array.from({ length: 7 }, (_, i) => hasher.hash(secret).then(() => done.push(`later ${i}`)))
  await t.throwsAsync(hasher.hash(secret), { code: 'ERR_HASHER_BUSY' })
  const next = hasher.hash(secret, { next: true }).then(() => done.push('next'))
  await Promise.all([...waiting, next])
  t.is(done.indexOf('next'), 1)
})

// The tests below watch the process for new threads, so they take turns.
test.serial('a thread that dies fails its own job only, and the next is served by another', async t => {
  using world = watched({ cost: 10, threads: 1 })
  await using hasher = world.hasher
  await hasher.hash('warm')
  const running = hasher.hash(secret)
  const waiting = hasher.hash(secret)
  void world.threads[0]?.terminate()
  const fault = await t.throwsAsync(running, { code: 'ERR_HASHER_FAILED' })
  t.false(`${fault?.stack}`.includes(secret))
  t.true((await waiting).startsWith('$2b$10$'))
  t.is(world.threads.length, 2)
})

test.serial('an idle thread that died is missed by nobody', async t => {
  using world = watched({ cost: 4, threads: 1 })
  await using hasher = world.hasher
  await hasher.hash('warm')
  await world.threads[0]?.terminate()
  t.true((await hasher.compare(secret, await hasher.hash(secret))).matches)
  t.is(world.threads.length, 2)
})

test.serial('closing ends what runs, what waits and what comes later, each with a code', async t => {
  using world = watched({ cost: 10, threads: 1 })
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
  test(`threads keep no process alive: ${name}`, async t => {
    const code = `const { openHasher } = await import('${module}')
      const hasher = openHasher({ cost: 4, threads: 2 })
      ${script}
      console.log('end')`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
    t.is(stdout, 'end\n')
  })
}

test('a process waits for the password that it is working on', async t => {
  const code = `const { openHasher } = await import('${module}')
    openHasher({ cost: 4, threads: 1 }).hash('x').then(hash => console.log(hash.slice(0, 7)))`
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
  t.is(stdout, '$2b$04$\n')
})

if (process.platform === 'linux') {
  test('on Linux the threads give way to the main one, which keeps its priority', async t => {
    const code = `const { openHasher } = await import('${module}')
      const { readFileSync, readdirSync } = await import('node:fs')
      const hasher = openHasher({ cost: 4, threads: 2 })
      await Promise.all([hasher.hash('x'), hasher.hash('x')])
      const nice = id => Number(readFileSync('/proc/self/task/' + id + '/stat', 'utf8').split(') ')[1].split(' ')[16])
      const ids = readdirSync('/proc/self/task')
      const own = nice(process.pid)
      console.log(ids.filter(id => nice(id) === Math.min(own + 10, 19) || nice(id) === 10).length, own)`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', code], { timeout: 20_000 })
    const [lowered, own] = stdout.trim().split(' ')
    t.is(lowered, '2')
    t.not(own, '10')
  })
}
