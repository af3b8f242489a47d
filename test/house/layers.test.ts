import test from 'ava'
import { layerHeight, layerOf, levelOf } from './levels.ts'
import { reached, sources } from './source.ts'

const all = sources('src/**/*.ts')

test('every file of src/ has a known level and layer', t => {
  t.true(all.length > 50, 'the files are not where this test looks')
  t.deepEqual(
    all.filter(({ path }) => levelOf(path) === null || layerOf(path) === null).map(({ path }) => path),
    [],
  )
})

test('every way to write an import → the import is found', t => {
  const code = [
    `import { a } from './a.ts'`,
    `import type { B } from '../b.ts'`,
    `export * from './c.ts'`,
    `const d = await import('./d.ts')`,
    `type E = import('./e.ts').E`,
    `new URL('./thread.ts', import.meta.url)`,
    `import pg from 'pg'`,
  ].join('\n')
  t.deepEqual(
    reached({ path: 'src/x/y.ts', text: code, code, lines: 7 }),
    ['x/a', 'b', 'x/c', 'x/d', 'x/e', 'x/thread'].map(name => `src/${name}.ts`),
  )
})

test('a file imports from its own layer or a lower one', t => {
  const up = all.flatMap(file => {
    const own = layerOf(file.path) ?? 'pure'
    return reached(file)
      .map(path => ({ path, layer: /^(src|packages)\//.test(path) ? layerOf(path) : 'processes' }))
      .filter(({ layer }) => layerHeight(layer ?? 'processes') > layerHeight(own))
      .map(({ path, layer }) => `${file.path} (${own}) imports ${path} (${layer})`)
  })
  t.deepEqual(up, [])
})

test('a routes file calls verbs and imports no store', t => {
  const past = all
    .filter(({ path }) => path.endsWith('routes.ts') && !path.startsWith('src/platform/'))
    .flatMap(file => reached(file).filter(path => layerOf(path) === 'stores'))
    .filter(path => path !== 'src/deps.ts')
  t.deepEqual(past, [])
})
