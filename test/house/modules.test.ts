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

// Words of the shop. `sites` of other origins are another meaning.
const word =
  /(?<![a-z])(sites?|gateways?|buyers?|sellers?|sold|sales?|payments?|paid|guests?)(?![a-z])|purchas|checkout|recurrente/gi
const otherMeaning = /sec-fetch-site|(cross|same|\(\?:cross\|same\))[- ]site|other sites/gi

test('no file of platform/ and features/, and no type of a module, uses a word of the shop', t => {
  const core = sources('src/{platform,features}/**/*', 'src/{deps,module}.ts')
  t.true(core.length > 200)
  t.deepEqual(
    core.flatMap(({ path, text }) =>
      [...text.replaceAll(otherMeaning, '').matchAll(word)].map(([found]) => `${path}: ${found}`),
    ),
    [],
  )
  t.regex('SITE_UNAVAILABLE, purchaseRows', word, 'the words are found inside names')
})

test('src/shop/sites/ imports nothing from src/shop/purchases/', t => {
  const up = all
    .filter(({ path }) => path.startsWith('src/shop/sites/'))
    .flatMap(file => reached(file).filter(path => path.startsWith('src/shop/purchases/')))
  t.deepEqual(up, [])
})
