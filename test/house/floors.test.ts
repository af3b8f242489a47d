import test from 'ava'
import { floorOf, height, reached, sources } from './source.ts'

const all = sources('src/**/*.ts')

test('the name of every file tells its floor', t => {
  t.true(all.length > 50, 'the files are not where this test looks')
  t.deepEqual(
    all.filter(({ path }) => floorOf(path) === null).map(({ path }) => path),
    [],
  )
})

test('imports are seen, however they are written', t => {
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

test('imports go down a floor or stay', t => {
  const up = all.flatMap(file => {
    const own = floorOf(file.path) ?? 'ground'
    return reached(file)
      .map(path => ({ path, floor: path.startsWith('src/') ? floorOf(path) : 'processes' }))
      .filter(({ floor }) => height(floor ?? 'processes') > height(own))
      .map(({ path, floor }) => `${file.path} (${own}) reaches up to ${path} (${floor})`)
  })
  t.deepEqual(up, [])
})

test('routes ask flows, never a store', t => {
  const past = all
    .filter(({ path }) => path.endsWith('routes.ts') && !path.startsWith('src/http/'))
    .flatMap(file => reached(file).filter(path => floorOf(path) === 'stores'))
  t.deepEqual(past, [])
})
