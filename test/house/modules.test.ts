import test from 'ava'
import { reached, sources } from './source.ts'

// The shop is an application on top of the account service.

const tables = [
  'src/emails.ts',
  'src/entities.ts',
  'src/jobs.ts',
  'src/platform/config/config.ts',
  'src/platform/config/variables.ts',
  'src/routes.ts',
]

const all = sources('src/**/*.ts')
const isShop = (path: string): boolean => path.startsWith('src/shop/')

test('the shop has the modules sites and purchases', t => {
  for (const name of ['sites', 'purchases'])
    t.true(all.filter(({ path }) => path.startsWith(`src/shop/${name}/`)).length > 3, name)
})

test('only the tables of contents import the shop', t => {
  const core = all.filter(
    ({ path }) => !isShop(path) && !/^src\/(processes|dev-services)\/|^src\/dev\.ts$/.test(path),
  )
  const edges = core.filter(file => reached(file).some(isShop))
  t.deepEqual(edges.map(({ path }) => path).sort(), tables)
})

test('sites import nothing of purchases', t => {
  const up = all
    .filter(({ path }) => path.startsWith('src/shop/sites/'))
    .flatMap(file => reached(file).filter(path => path.startsWith('src/shop/purchases/')))
  t.deepEqual(up, [])
})
