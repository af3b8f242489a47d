import test from 'ava'
import { interleaved, mostAttempts } from '../../../bench/compare/interleaved.ts'
import type { Run } from '../../../bench/compare/run.ts'

const quiet = { disturbed: 0.02 }
const busy = { disturbed: 0.5 }

const runOf = (rounds: number, quick = false): Run =>
  ({ rounds, quick, quality: { measurements: 0, discarded: 0, disturbed: 0 } }) as Run

const [a, b] = [{ name: 'a' }, { name: 'b' }]

test('two rounds of two services → the second round begins with the other service', async t => {
  const order: string[] = []
  const rows = await interleaved(runOf(2), [a, b], async ({ name }, round) => {
    order.push(`${name}${round}`)
    return quiet
  })
  t.deepEqual(order, ['a0', 'b0', 'b1', 'a1'])
  t.deepEqual(
    rows.map(({ name, rounds }) => [name, rounds.length]),
    [
      ['a', 2],
      ['b', 2],
    ],
  )
})

test('a measurement during other work → it is discarded and repeated', async t => {
  const results = [busy, quiet]
  const run = runOf(1)
  const rows = await interleaved(run, [a], async () => results.shift() ?? busy)
  t.deepEqual(rows, [{ name: 'a', rounds: [quiet] }])
  t.deepEqual(run.quality, { measurements: 1, discarded: 1, disturbed: 0 })
})

test('other work during every attempt → the least disturbed one is kept and counted', async t => {
  const results = [0.9, 0.3, 0.6].map(disturbed => ({ disturbed }))
  const run = runOf(1)
  const [row] = await interleaved(run, [a], async () => results.shift() ?? quiet)
  t.deepEqual(row?.rounds, [{ disturbed: 0.3 }])
  t.deepEqual(run.quality, { measurements: 1, discarded: mostAttempts - 1, disturbed: 1 })
})

test('a quick run during other work → nothing is repeated, and the measurement counts as disturbed', async t => {
  const run = runOf(1, true)
  await interleaved(run, [a], async () => busy)
  t.deepEqual(run.quality, { measurements: 1, discarded: 0, disturbed: 1 })
})
