import test from 'ava'
import { comparePassword } from '../../src/attempts/compare-password.ts'
import { strangers } from '../../src/attempts/rules.ts'
import { takeAttempt } from '../../src/attempts/store.ts'
import { openHasher } from '../../src/crypto/password.ts'
import { anEmail } from '../make.ts'
import { openWorld } from '../world.ts'

// An attempt that was compared with nothing, as too many passwords waited, must not hold up whoever asks again.

const world = await openWorld({ env: { RATE_LIMITS: '' } })
test.after.always(() => world[Symbol.asyncDispose]())

test('whoever is turned away while the threads are busy has lost no attempt', async t => {
  await using hasher = openHasher({ cost: 14, threads: 1, maxQueue: 0 })
  const running = hasher.hash('correct horse 9')
  const deps = { ...world.deps, hasher }
  const budget = strangers(anEmail())
  const ask = () => comparePassword(deps, { password: 'wrong horse 9', hash: null, budget })
  for (let i = 0; i < 8; i++) await t.throwsAsync(ask, { code: 'ERR_HASHER_BUSY' })
  await running
  t.deepEqual(await comparePassword(world.deps, { password: 'wrong horse 9', hash: null, budget }), {
    matches: false,
    needsRehash: false,
  })
  t.is((await takeAttempt(world.deps, budget)).inRow, 2, 'the one that was compared counts')
})

test('of attempts that overlap, each turned away, some may stay counted, and none too many is given back', async t => {
  await using hasher = openHasher({ cost: 14, threads: 1, maxQueue: 0 })
  const running = hasher.hash('correct horse 9')
  const deps = { ...world.deps, hasher }
  const budget = strangers(anEmail())
  const turnedAway = Array.from({ length: 4 }, () =>
    comparePassword(deps, { password: 'wrong horse 9', hash: null, budget }),
  )
  t.true((await Promise.allSettled(turnedAway)).every(({ status }) => status === 'rejected'))
  await running
  const { inRow } = await takeAttempt(world.deps, budget)
  t.true(inRow >= 1 && inRow <= 5, `${inRow}`)
})
