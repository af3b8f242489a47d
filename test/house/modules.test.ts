import test from 'ava'
import { reached, sources } from './source.ts'

// An application module sits on the core. The core does not know it, but for its tables of contents.

const modules = ['sites', 'purchases']
const tables = ['src/chores.ts', 'src/entities.ts', 'src/routes.ts']

const all = sources('src/**/*.ts')
const moduleOf = (path: string) => modules.find(name => path.startsWith(`src/${name}/`))

test('the modules are there', t => {
  for (const name of modules) t.true(all.filter(({ path }) => moduleOf(path) === name).length > 3, name)
})

test('nothing of the core reaches into a module but the tables of contents', t => {
  const core = all.filter(({ path }) => !moduleOf(path))
  const edges = core.filter(file => reached(file).some(path => moduleOf(path)))
  t.deepEqual(edges.map(({ path }) => path).sort(), tables)
})

test('sites know nothing of purchases', t => {
  const up = all
    .filter(({ path }) => moduleOf(path) === 'sites')
    .flatMap(file => reached(file).filter(path => moduleOf(path) === 'purchases'))
  t.deepEqual(up, [])
})
