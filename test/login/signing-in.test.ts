import test from 'ava'
import { anAccount, anEmail } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const login = (email: string, password: string) => world.client.post('login', { email, password })

test('the right password begins a session of its own and notes when', async t => {
  const { email, password, userId, sessionId, access } = await anAccount(world.client)
  const { status, headers, body } = await login(` ${email.toUpperCase()}`, password)
  t.is(status, 200)
  t.is(headers.get('cache-control'), 'no-store')
  t.deepEqual(Object.keys(body).sort(), [
    'access_token',
    'expires_in',
    'refresh_expires_in',
    'refresh_token',
    'session_id',
    'token_type',
    'user',
  ])
  t.is(body.user.id, userId)
  t.not(body.session_id, sessionId)
  t.true(Math.abs(Date.parse(body.user.last_login_at) - Date.now()) < 60_000)
  t.deepEqual((await world.client.get('me', { token: body.access_token })).body, body.user)
  t.is((await world.client.get('me', { token: access })).status, 200, 'the other session goes on')
})

// bcrypt itself reads 72 bytes and no more, and some implementations end at a NUL.
const pairs: [what: string, right: string, wrong: string][] = [
  ['that differ in the 73rd byte', `${'A1'.repeat(36)}x`, `${'A1'.repeat(36)}y`],
  ['that differ beyond 72 bytes of four each', `a1${'😀'.repeat(30)}`, `a1${'😀'.repeat(29)}😁`],
  ['of which one is the first 72 bytes of the other', `${'A1'.repeat(36)}x`, 'A1'.repeat(36)],
  ['that differ after a NUL', 'bridge 47\0d', 'bridge 47\0e'],
  ['of which one ends before the NUL of the other', 'bridge 47\0d', 'bridge 47'],
  ['that differ in case', 'Correct Horse 9', 'correct horse 9'],
  ['that differ in a space at the end', 'correct horse 9 ', 'correct horse 9'],
  ['that differ in a space at the front', ' correct horse 9', 'correct horse 9'],
  ['that compatibility would fold', 'ﬁne horse 99', 'fine horse 99'],
]

for (const [what, right, wrong] of pairs)
  test(`two passwords ${what} are two passwords`, async t => {
    const [one, two] = [anEmail(), anEmail()]
    await anAccount(world.client, { email: one, password: right })
    await anAccount(world.client, { email: two, password: wrong })
    t.is((await login(one, right)).status, 200)
    t.is((await login(one, wrong)).status, 401)
    t.is((await login(two, wrong)).status, 200)
    t.is((await login(two, right)).status, 401)
  })

test('one word typed on two keyboards is one password', async t => {
  const composed = 'crème brûlée 9'.normalize('NFC')
  const decomposed = composed.normalize('NFD')
  t.not(composed, decomposed)
  const long = (word: string) => word.repeat(8)
  for (const [made, typed] of [
    [composed, decomposed],
    [decomposed, composed],
    [long(composed), long(decomposed)],
  ] as const) {
    const { email } = await anAccount(world.client, { password: made })
    t.is((await login(email, made)).status, 200)
    t.is((await login(email, typed)).status, 200)
  }
})

test('a password that no longer may be chosen still opens its account', async t => {
  const { email, userId } = await anAccount(world.client)
  const hash = await world.deps.hasher.hash('short')
  await world.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [userId, hash])
  t.is((await login(email, 'short')).status, 200)
})
