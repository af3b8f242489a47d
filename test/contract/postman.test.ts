import { readFileSync } from 'node:fs'
import test from 'ava'
import { openapi } from '../../src/http/openapi.ts'
import { postman } from '../../src/http/postman.ts'
import { routes } from '../../src/routes.ts'

type Item = {
  name: string
  item?: Item[]
  request?: { method: string; url: { path: string[] }; body?: { raw?: string } }
  event?: { listen: string; script: { exec: string[] } }[]
}
type Collection = { item: Item[]; variable: { key: string }[] }

const all = routes(() => false)
const written: Collection = JSON.parse(
  readFileSync(new URL('../../postman/latchkey.postman_collection.json', import.meta.url), 'utf8'),
)
const requests = (items: Item[]): Item[] =>
  items.flatMap(({ item, ...rest }) => (item ? requests(item) : [rest]))

test('the collection is what the routes make of it: otherwise run "npm run postman"', t => {
  t.deepEqual(written, JSON.parse(JSON.stringify(postman(openapi(all, 'http://localhost:8000')))))
})

test('every route is in it, behind a way through the API', t => {
  const [first, ...folders] = written.item
  t.deepEqual(
    first?.item?.map(({ name }) => name),
    ['Register', 'Who am I', 'Refresh', 'Log out', 'Log in again'],
  )
  const found = requests(folders).map(({ request }) => `${request?.method} /${request?.url.path.join('/')}`)
  t.deepEqual(found.sort(), all.map(({ method, path }) => `${method} ${path}`).sort())
})

test('every request checks its reply, and its example names no variable that is not there', t => {
  const known = new Set(['baseUrl', ...written.variable.map(({ key }) => key)])
  for (const { name, event, ...rest } of requests(written.item)) {
    const script = event?.find(({ listen }) => listen === 'test')?.script.exec.join('\n') ?? ''
    t.regex(script, /declared/, name)
    t.notThrows(() => new Function('pm', script), name)
    for (const [, variable = ''] of JSON.stringify(rest).matchAll(/\{\{(\w+)\}\}/g))
      t.true(known.has(variable), variable)
  }
})
