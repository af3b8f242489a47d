import test from 'ava'
import { arrowsOf, circlesOf, folderOf, upwardArrows } from './graph.ts'
import { sources } from './source.ts'

const file = (path: string, ...targets: string[]) => {
  const code = targets.map(target => `import type { A } from '${target}'`).join('\n')
  return { path, text: code, code, lines: targets.length }
}

const arrows = arrowsOf(sources('{src,packages/*/src}/**/*.ts'))

test('a file in a folder of a level, or at the top of src/ → the name of its folder', t => {
  t.is(folderOf('src/features/login/login.ts'), 'features/login')
  t.is(folderOf('packages/guard/src/koa.ts'), 'packages/guard')
  t.is(folderOf('src/deps.ts'), 'deps')
})

test('two folders import types of each other through a third → the circle is found', t => {
  const found = arrowsOf([
    file('src/features/a/x.ts', '../b/y.ts'),
    file('src/features/b/y.ts', '../c/z.ts'),
    file('src/features/c/z.ts', '../a/x.ts'),
    file('src/features/d/w.ts', '../a/x.ts'),
  ])
  t.deepEqual(circlesOf(found), [['features/a', 'features/b', 'features/c']])
})

test('platform/ imports from features/ → the import is found as one that goes up', t => {
  const found = upwardArrows(arrowsOf([file('src/platform/http/x.ts', '../../features/a/y.ts')]))
  t.is(found.length, 1)
})

test('src/platform/ imports the guard → allowed, the reverse is found as an import that goes up', t => {
  const down = file('src/platform/crypto/x.ts', '../../../packages/guard/src/y.ts')
  t.is(upwardArrows(arrowsOf([down])).length, 0)
  const up = file('packages/guard/src/y.ts', '../../../src/platform/crypto/x.ts')
  t.is(upwardArrows(arrowsOf([up])).length, 1)
})

test('folders do not import each other in a circle', t => {
  t.true(arrows.length > 100)
  t.deepEqual(circlesOf(arrows), [])
})

test('imports go down a level or stay in it: processes, shop, features, platform, guard', t => {
  t.deepEqual(
    upwardArrows(arrows).map(({ file: from, target }) => `${from} → ${target}`),
    [],
  )
})
