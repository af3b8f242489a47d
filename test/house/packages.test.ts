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
