import test from 'ava'
import { reached, type Source, sources } from './source.ts'

// Users install the packages without the product, and not only in Node.

const client = sources('packages/client/src/**/*.ts')
const guard = sources('packages/guard/src/**/*.ts')

const outside = (files: readonly Source[], folder: string): string[] =>
  files.flatMap(file =>
    reached(file)
      .filter(target => !target.startsWith(folder))
      .map(target => `${file.path} → ${target}`),
  )

test('a file of a package imports → only files of its own package', t => {
  t.deepEqual(outside(guard, 'packages/guard/src/'), [])
  t.deepEqual(outside(client, 'packages/client/src/'), [])
})

test('a file of the product imports packages/client → never', t => {
  const importing = sources('src/**/*.ts').filter(file =>
    reached(file).some(target => target.startsWith('packages/client/')),
  )
  t.deepEqual(
    importing.map(({ path }) => path),
    [],
  )
})

const importOf = /^(?:import|export) (type )?[^'"]*?from '([^'"]+)'/gm

/** The modules that a file loads when it runs. Types are gone by then. */
const loaded = ({ code }: Source): string[] =>
  [...code.matchAll(importOf)].flatMap(([, type, name = '']) => (type ? [] : [name]))

test('a file of the guard is loaded → it loads no package and no module of Node', t => {
  t.true(guard.length > 20)
  const foreign = guard.flatMap(file => loaded(file).map(name => `${file.path} → ${name}`))
  t.deepEqual(
    foreign.filter(line => !/ → \.\/[\w-]+\.ts$/.test(line)),
    [],
  )
})

test('the core of the guard and its adapters for every runtime name no global of Node', t => {
  const byPath = new Map(guard.map(file => [file.path, file]))
  const core = new Set(['guard', 'fetch', 'hono'].map(name => `packages/guard/src/${name}.ts`))
  for (const path of core) {
    const file = byPath.get(path)
    for (const target of file ? reached(file) : []) core.add(target)
  }
  t.true(core.size > 15)
  const named = /\b(Buffer|process|require|setImmediate|__dirname|node:)\b/
  t.deepEqual(
    [...core].filter(path => named.test(byPath.get(path)?.code ?? 'Buffer')),
    [],
  )
})
