import test from 'ava'
import { routes } from '../../src/routes.ts'
import { anAccount, anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'
import { faultOf } from './bodied-routes.ts'
import { sendRaw, withContent } from './raw.ts'

const world = await openWorld({ env: { RATE_LIMITS: 'login=2/15m,register=1000/15m' } })
const account = await anAccount(world.client)
test.after.always(() => world[Symbol.asyncDispose]())

const content = JSON.stringify({ email: anEmail(), password })
const ask = (method: string, path: string) =>
  sendRaw(
    world.url,
    withContent(method, path, content.length, `Authorization: Bearer ${account.access}`),
    content,
  )

const spellings = (path: string): string[] =>
  [
    `/${path}`,
    `${path}/`,
    `${path}//`,
    path.replace('/', '//'),
    path.replace(/\/([^/]*)$/, '//$1'),
    path.toUpperCase(),
    path.replace(/.$/, last => last.toUpperCase()),
    path.replace(/.$/, last => `%${last.charCodeAt(0).toString(16)}`),
    path.replaceAll('/', '%2f').replace('%2f', '/'),
    `${path}%2f`,
    `${path}%00`,
    `${path}%0a`,
    `${path};x=y`,
    `${path}.json`,
    `/x/..${path}`,
    `/.${path}`,
    `/%2e${path}`,
    `/x/%2e%2e${path}`,
    path.replace(/\/([^/]*)$/, '\\$1'),
    `${path}%`,
    `${path}%zz`,
  ].filter(spelt => spelt !== path && spelt.startsWith('/'))

const places = [
  ...new Map(routes(() => false).map(route => [`${route.method} ${route.path}`, route])).values(),
]
for (const { method, path } of places)
  test.serial(`${method} ${path} has one spelling`, async t => {
    const whole = path.replace(':id', '018f0000-0000-7000-8000-000000000001')
    // An id may be written in any way that an address allows.
    const isSame = (spelt: string) => whole !== path && spelt.endsWith('%31')
    for (const spelt of spellings(whole).filter(text => !isSame(text))) {
      const reply = await ask(method, spelt)
      // Where any text may stand for an id, what is spelt may be that of another method.
      t.true(
        reply.status === 404 || (path.includes(':') && reply.status === 405),
        `${spelt}: ${reply.status}`,
      )
      t.is(faultOf(reply), null, spelt)
    }
  })

test.serial('no spelling is a way around a limit', async t => {
  const login = '/api/v1/auth/login'
  for (let i = 0; i < 2; i++) t.is((await ask('POST', login)).status, 401)
  t.is((await ask('POST', login)).status, 429)
  for (const spelt of spellings(login)) t.is((await ask('POST', spelt)).status, 404, spelt)
  for (const same of [`${login}?x=1`, `${login}?`, `${login}#x`, `http://elsewhere.test${login}`])
    t.is((await ask('POST', same)).status, 429, same)
})

const queries = [
  '?',
  '?%',
  '?%ff=%ff',
  '?token=%00',
  '?token=a&token=b',
  '?token[a]=b',
  '?__proto__=x',
  '?lang=%0d%0a',
]
for (const { method, path, query } of places.filter(route => route.query))
  test.serial(
    `${method} ${path} fails on no query (${Object.keys((query as { entries?: object })?.entries ?? {})})`,
    async t => {
      for (const odd of [...queries, `?lang=${'x'.repeat(8000)}`, `?${'a=b&'.repeat(2000)}`]) {
        const { status } = await ask(method, path + odd)
        t.true(status < 500, `${odd.slice(0, 20)}: ${status}`)
      }
    },
  )
