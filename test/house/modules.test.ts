import test from 'ava'
import { reached, sources } from './source.ts'

// The shop is an application on top of the account service.

const all = sources('src/**/*.ts')
const isShop = (path: string): boolean => path.startsWith('src/shop/')

test('the shop has the modules sites and purchases', t => {
  for (const name of ['sites', 'purchases'])
    t.true(all.filter(({ path }) => path.startsWith(`src/shop/${name}/`)).length > 3, name)
})

test('only modules.ts and the commands import the shop', t => {
  const importing = all.filter(({ path }) => !isShop(path)).filter(file => reached(file).some(isShop))
  const known = /^src\/(modules\.ts|dev\.ts|(processes|dev-services)\/)/
  t.deepEqual(
    importing.map(({ path }) => path).filter(path => !known.test(path)),
    [],
  )
})

test('src/shop/sites/ imports nothing from src/shop/purchases/', t => {
  const up = all
    .filter(({ path }) => path.startsWith('src/shop/sites/'))
    .flatMap(file => reached(file).filter(path => path.startsWith('src/shop/purchases/')))
  t.deepEqual(up, [])
})
