import { readFile } from 'node:fs/promises'
import test from 'ava'
import { counters, gauges, histograms } from '../../src/base/metrics.ts'

const known = [counters, gauges, histograms].flatMap(Object.keys)

const namedIn = async (page: string): Promise<Set<string>> => {
  const text = await readFile(new URL(`../../${page}`, import.meta.url), 'utf8')
  return new Set([...text.matchAll(/`latchkey_(\w+?)(?:_total)?`/g)].map(([, name]) => name ?? ''))
}

for (const page of ['README.md', 'docs/operations.md'])
  test(`every metric that ${page} names is one that there is`, async t => {
    const named = await namedIn(page)
    t.true(named.size >= 2)
    t.deepEqual(
      [...named].filter(name => !known.includes(name)),
      [],
    )
  })

test('operators are told of every metric', async t => {
  const named = await namedIn('docs/operations.md')
  t.deepEqual(
    known.filter(name => !named.has(name)),
    [],
  )
})
