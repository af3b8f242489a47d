import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'ava'
import { root, sources } from './source.ts'

// A patch of a library's internals may break or become needless with every version of the library.

const files = sources('src/**/*-patches.ts')
const tests = sources('test/unit/**/*-patches.test.ts').map(({ path }) => basename(path, '.test.ts'))
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
}

test('a file of patches exists → it has a unit test that compares the library with and without them', t => {
  t.true(files.length > 0)
  for (const { path } of files) t.true(tests.includes(basename(path, '.ts')), `${path} has no unit test`)
})

test('a library has another version than its patches were checked with → its file of patches is named', t => {
  for (const { path, text } of files) {
    const [, library = '', version] = /^\/\/ Checked with ([\w-]+) (\d+\.\d+\.\d+)\./m.exec(text) ?? []
    t.true(basename(path).startsWith(`${library}-`), `${path} does not say which version it was checked with`)
    t.is(
      version,
      dependencies[library],
      `${path}: run its unit test with the new version, then change this line`,
    )
  }
})

const outsideOfPatches = (replaced: RegExp): string[] =>
  sources('src/**/*.ts').flatMap(({ path, code }) =>
    !path.endsWith('-patches.ts') && replaced.test(code) ? [path] : [],
  )

test('code outside of a file of patches replaces a method of a connection → its file is named', t => {
  const method = /\b\w+\.(?:query|connect|disconnect|end|sendCommand|duplicate|delayUntilReady|_writev?) = /
  t.deepEqual(outsideOfPatches(method), [])
})

test('code outside of a file of patches replaces a module or uses a prototype → its file is named', t => {
  // `pg.Query.prototype`. Classes of Node have no package before them.
  t.deepEqual(outsideOfPatches(/\breplaceModule\(|\b[a-z]\w*\.\w+\.prototype\b/), [])
})
