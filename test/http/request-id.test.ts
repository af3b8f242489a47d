import test from 'ava'
import type { Reply } from '../client.ts'
import { anAccount, anEmail, password } from '../make.ts'
import { openWorld, type World } from '../world.ts'

const world = await openWorld({ env: { LOG_LEVEL: 'info', RATE_LIMITS: 'login=2/15m,register=1000/15m' } })
const proxied = await openWorld({ env: { LOG_LEVEL: 'info', TRUSTED_PROXIES: '1' } })
test.after.always(async () => {
  await world[Symbol.asyncDispose]()
  await proxied[Symbol.asyncDispose]()
})

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const idOf = ({ headers }: Reply): string => headers.get('x-request-id') ?? ''

/** The lines that a request wrote, parsed. */
const during = async ({ logs }: World, ask: () => Promise<Reply>) => {
  const before = logs.length
  const reply = await ask()
  return { reply, lines: logs.slice(before).map(line => JSON.parse(line)) }
}

const email = anEmail()
const register = () => world.client.post('register', { email, password })
const login = () => world.client.post('login', { email, password: 'wrong horse 9' })
const asks: [status: number, route: string | null, ask: () => Promise<Reply>][] = [
  [201, '/api/v1/auth/register', register],
  [409, '/api/v1/auth/register', register],
  [401, '/api/v1/auth/login', login],
  [401, '/api/v1/auth/login', login],
  [429, '/api/v1/auth/login', login],
  [401, '/api/v1/auth/me', () => world.client.get('me')],
  [400, '/api/v1/auth/login', () => world.client.post('login', '{')],
  [200, '/api/v1/auth/verify-email', () => world.client.get('verify-email?token=a-canary-in-an-address')],
  [404, null, () => world.client.get('/a-canary-in-an-address')],
  [405, null, () => world.client.get('login')],
]

for (const [i, [status, route, ask]] of asks.entries())
  test.serial(
    `${i}, ${status} of ${route}: every line of the log bears the id of the reply, one says how it ended`,
    async t => {
      const { reply, lines } = await during(world, ask)
      t.is(reply.status, status)
      t.regex(idOf(reply), uuid)
      if (reply.body?.code) t.is(reply.body.request_id, idOf(reply))
      for (const line of lines) {
        t.is(line.request_id, idOf(reply))
        t.regex(line.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
      }
      const ends = lines.filter(({ msg }) => msg === 'request')
      t.is(ends.length, 1)
      t.like(ends[0], { status })
      if (status !== 405) t.is(ends[0].route, route)
      t.is(typeof ends[0].ms, 'number')
      t.notRegex(JSON.stringify(lines), /canary|example\.com|horse/)
    },
  )

test.serial('what a flow logs bears the id too', async t => {
  const { refresh } = await anAccount(world.client)
  const again = () => world.client.post('refresh', { refresh_token: refresh })
  t.is((await again()).status, 200)
  world.clock.shift += 11_000
  const { reply, lines } = await during(world, again)
  t.is(reply.status, 401)
  t.deepEqual(
    lines.map(({ msg, request_id }) => [msg, request_id]),
    [
      ['a spent refresh token was presented', idOf(reply)],
      ['request', idOf(reply)],
    ],
  )
})

test('no two requests have one id', async t => {
  const ids = await Promise.all(
    Array.from({ length: 50 }, async () => idOf(await world.client.get('/livez'))),
  )
  t.is(new Set(ids).size, 50)
})

test('whoever comes without a proxy cannot choose the id', async t => {
  const reply = await world.client.get('/nowhere', { headers: { 'x-request-id': 'chosen-by-a-client' } })
  t.regex(idOf(reply), uuid)
  t.false(world.logs.join('').includes('chosen-by-a-client'))
})

test('a proxy may choose the id, in a form that can do no harm', async t => {
  const ask = (id: string) => proxied.client.get('/nowhere', { headers: { 'x-request-id': id } })
  for (const id of ['0123456789abcdef', 'req_A-1_b2', 'x'.repeat(64)]) {
    const { reply, lines } = await during(proxied, () => ask(id))
    t.is(idOf(reply), id)
    t.is(reply.body.request_id, id)
    t.true(lines.length > 0 && lines.every(({ request_id }) => request_id === id))
  }
  for (const id of ['short', 'x'.repeat(65), 'with space', 'a"b<c>defg', 'é'.repeat(10), '', '../../../etc'])
    t.regex(idOf(await ask(id)), uuid, id)
})
