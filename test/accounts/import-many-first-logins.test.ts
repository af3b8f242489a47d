import { scryptSync } from 'node:crypto'
import test from 'ava'
import { importUsers } from '../../src/imports/import-users.ts'
import { anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())
const clients = [world.client, other.client]

const plain = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
const salt = Buffer.from('sixteen byte salt')
const foreign = `$scrypt$ln=10,r=8,p=1$${plain(salt)}$${plain(scryptSync(password, salt, 32, { N: 1024 }))}`

const anImported = async () => {
  const email = anEmail()
  async function* lines() {
    yield JSON.stringify({ email, password_hash: foreign })
  }
  await importUsers(world.deps, lines(), { dryRun: false })
  return email
}
const hashOf = async (email: string) =>
  (await world.sql<{ password_hash: string }>('SELECT password_hash FROM users WHERE email = $1', [email]))[0]
    ?.password_hash ?? ''

test('of eight first logins at once each succeeds whose password is right, and one hash is left', async t => {
  const email = await anImported()
  const replies = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      (clients[i % 2] ?? world.client).post('login', {
        email,
        password: i % 4 === 3 ? 'wrong horse 9' : password,
      }),
    ),
  )
  t.deepEqual(
    replies.map(({ status }) => status),
    replies.map((_, i) => (i % 4 === 3 ? 401 : 200)),
  )
  const hash = await hashOf(email)
  t.regex(hash, /^\$2b\$04\$/)
  for (const { status, body } of replies)
    if (status === 200) t.is((await world.client.get('me', { token: body.access_token })).status, 200)
  t.is((await world.client.post('login', { email, password })).status, 200)
  t.is(await hashOf(email), hash)
})

test('an imported account that is closed keeps its hash and tells the right password alone', async t => {
  const email = await anImported()
  await world.sql('UPDATE users SET is_active = false WHERE email = $1', [email])
  const login = (tried: string) => world.client.post('login', { email, password: tried })
  t.is((await login(password)).body.code, 'ACCOUNT_DEACTIVATED')
  t.is((await login('wrong horse 9')).body.code, 'INVALID_CREDENTIALS')
  t.is(await hashOf(email), foreign)
})
