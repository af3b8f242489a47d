import { readFile } from 'node:fs/promises'
import test from 'ava'
import { counters, gauges, histograms } from '../../src/base/metrics.ts'

test('every metric that the README names is one that there is', async t => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const named = [...readme.matchAll(/`latchkey_(\w+?)(?:_total)?`/g)].map(([, name]) => name ?? '')
  t.true(named.length >= 3)
  const known = [counters, gauges, histograms].flatMap(Object.keys)
  t.deepEqual(
    named.filter(name => !known.includes(name)),
    [],
  )
})
