import test from 'ava'
import { openHasher } from '../../src/crypto/password.ts'
import { anAccount, password } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const other = await world.instance()
const costlier = openHasher({ cost: 5, threads: 1 })
test.after.always(async () => {
  await costlier[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const hashOf = async (id: string): Promise<string> =>
  (await world.sql<{ password_hash: string }>('SELECT password_hash FROM users WHERE id = $1', [id]))[0]
    ?.password_hash ?? ''

/** Somebody whose password was hashed when the cost was another one. */
const fromBefore = async () => {
  const account = await anAccount(world.client)
  const hash = await costlier.hash(password)
  await world.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [account.userId, hash])
  return { ...account, hash }
}

const login = (email: string, tried = password, client = world.client) =>
  client.post('login', { email, password: tried })

test('a login hashes the password anew when the cost has changed, and keeps it otherwise', async t => {
  const { email, userId, hash } = await fromBefore()
  t.regex(hash, /^\$2b\$05\$/)
  t.is((await login(email)).status, 200)
  const renewed = await hashOf(userId)
  t.regex(renewed, /^\$2b\$04\$/)
  t.is((await login(email)).status, 200)
  t.is(await hashOf(userId), renewed)
  t.is((await login(email, 'wrong horse 9')).status, 401)
})

test('a wrong password renews nothing, nor does the right one of a deactivated account', async t => {
  const { email, userId, hash } = await fromBefore()
  t.is((await login(email, 'wrong horse 9')).status, 401)
  t.is(await hashOf(userId), hash)
  await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
  t.is((await login(email)).status, 403)
  t.is(await hashOf(userId), hash)
})

test('what was hashed by PHP is taken over', async t => {
  const { email, userId, hash } = await fromBefore()
  await world.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [userId, hash.replace('$2b$', '$2y$')])
  t.is((await login(email)).status, 200)
  t.regex(await hashOf(userId), /^\$2b\$04\$/)
})

test('several logins at once with the right password all succeed, though one of them renews the hash', async t => {
  for (let round = 0; round < 5; round++) {
    const { email } = await fromBefore()
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, i) => login(email, password, i % 2 ? other.client : world.client)),
    )
    t.deepEqual(
      replies.map(({ status }) => status),
      Array(10).fill(200),
    )
  }
})
