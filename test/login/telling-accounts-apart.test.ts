import test from 'ava'
import type { Reply } from '../client.ts'
import { anAccount, anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld({ env: { RATE_LIMITS: 'login=1000/15m,register=1000/15m' } })
test.after.always(() => world[Symbol.asyncDispose]())

const login = (email: string, tried = password) => world.client.post('login', { email, password: tried })
const set = (id: string, assignment: string) =>
  world.sql(`UPDATE users SET ${assignment} WHERE id = $1`, [id])

/** All of a reply but what no two replies share. */
const shown = ({ status, headers, text, body }: Reply) => {
  const ids = headers.get('x-request-id') === body.request_id
  const varying = new Set(['date', 'x-request-id', 'ratelimit'])
  const names = [...headers.keys()]
  const fixed = [...headers].filter(([name]) => !varying.has(name))
  return { status, ids, names, fixed, text: text.replace(body.request_id, '') }
}

test('nobody’s address, a wrong password, an account without one and a wrong password of a deactivated one answer alike', async t => {
  const known = await anAccount(world.client)
  const without = await anAccount(world.client)
  await set(without.userId, 'password_hash = NULL')
  const broken = await anAccount(world.client)
  await set(broken.userId, `password_hash = 'no hash'`)
  const inactive = await anAccount(world.client)
  await set(inactive.userId, 'is_active = false')

  const replies = [
    await login(anEmail()),
    await login(known.email, 'wrong horse 9'),
    await login(without.email),
    await login(broken.email),
    await login(inactive.email, 'wrong horse 9'),
    await login('x@xn--bcher-kva.example'),
  ]
  t.is(replies[0]?.status, 401)
  t.is(replies[0]?.body.code, 'INVALID_CREDENTIALS')
  for (const reply of replies) {
    t.deepEqual(shown(reply), shown(replies[0] as Reply))
    t.is(reply.headers.get('www-authenticate'), 'Bearer realm="latchkey"')
  }
})

test('that an account is deactivated is told to the right password alone, and opens nothing', async t => {
  const { email, userId } = await anAccount(world.client)
  await set(userId, 'is_active = false')
  const before = await world.sql('SELECT * FROM users WHERE id = $1', [userId])
  const right = await login(email)
  t.is(right.status, 403)
  t.is(right.body.code, 'ACCOUNT_DEACTIVATED')
  t.deepEqual(Object.keys(right.body).sort(), ['code', 'request_id', 'status', 'title', 'type'])
  t.is((await login(email, 'wrong horse 9')).body.code, 'INVALID_CREDENTIALS')
  t.deepEqual(await world.sql('SELECT * FROM users WHERE id = $1', [userId]), before)
  await set(userId, 'is_active = true')
  t.is((await login(email)).status, 200)
})

test('neither the address nor the password is said again, or logged', async t => {
  const { email } = await anAccount(world.client)
  const secret = 'a-canary-of-a-password-1'
  const stranger = anEmail()
  for (const reply of [await login(email, secret), await login(stranger, secret)])
    for (const word of [secret, email, stranger]) t.false(reply.text.includes(word))
  await login(email)
  const lines = world.logs.join('')
  t.true(lines.includes('/api/v1/auth/login'))
  for (const word of [secret, email, stranger, password]) t.false(lines.includes(word))
})
