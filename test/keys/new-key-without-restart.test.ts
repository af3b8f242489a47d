import test from 'ava'
import type { Pool } from 'pg'
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js'
import { generateKey, importSecret, signToken } from '../../src/crypto/paseto.ts'
import { seal } from '../../src/crypto/seal.ts'
import { anAccount } from '../make.ts'
import { openWorld, until } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

/** What a rotation leaves in the database: the old key retires, a new one signs. */
const rotate = async (): Promise<string> => {
  const { kid, paserkPublic, paserkSecret } = generateKey()
  const sealed = seal(world.deps.secrets.seal, Buffer.from(paserkSecret), kid)
  await world.sql(`UPDATE signing_keys SET status = 'retiring' WHERE status = 'signing'`)
  await world.sql(
    `INSERT INTO signing_keys (kid, public_key, sealed_secret, status) VALUES ($1, $2, $3, 'signing')`,
    [kid, paserkPublic, sealed],
  )
  return kid
}

const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[3] ?? '', 'base64url').toString()).kid

test.serial(
  'tokens of a key that another instance made are taken soon, those of the old one go on',
  async t => {
    const before = await anAccount(world.client)
    const kid = await rotate()
    const other = await world.instance()
    const after = await anAccount(other.client)
    t.is(kidOf(after.access), kid)
    t.not(kidOf(before.access), kid)

    await until(
      'the new key on the old instance',
      async () => (await world.client.get('me', { token: after.access })).status === 200,
    )
    for (const { client } of [world, other])
      for (const { access } of [before, after]) t.is((await client.get('me', { token: access })).status, 200)

    t.is(kidOf((await anAccount(world.client)).access), kid, 'and it signs here too')
    const { body } = await world.client.get('/.well-known/paseto-keys')
    t.deepEqual(
      body.keys.map((key: { kid: string; status: string }) => [key.kid, key.status]),
      [
        [kidOf(before.access), 'retiring'],
        [kid, 'signing'],
      ],
    )
  },
)

test.serial('the tokens of a retired key are refused', async t => {
  const old = await anAccount(world.client)
  await rotate()
  await world.sql(`UPDATE signing_keys SET status = 'retired' WHERE kid = $1`, [kidOf(old.access)])
  const other = await world.instance()
  const { status, body } = await other.client.get('me', { token: old.access })
  t.deepEqual([status, body.code], [401, 'INVALID_TOKEN'])
})

// Ids of keys cost nothing to invent: were each looked up, a flood of them would reach the database.
test.serial('invented ids of keys do not reach the database each', async t => {
  const pool = (world.deps.database.driver as PostgresDriver).master as Pool
  let acquired = 0
  pool.on('acquire', () => acquired++)
  const invented = Array.from({ length: 200 }, () => {
    const { kid, paserkSecret } = generateKey()
    const claims = { iss: 'http://latchkey.test', aud: 'http://latchkey.test', sub: 'x', sid: 'x' }
    return signToken({ kid, secret: importSecret(paserkSecret) }, claims, {
      now: new Date(),
      ttlSeconds: 900,
    })
  })
  const began = performance.now()
  const replies = await Promise.all(invented.map(token => world.client.get('me', { token })))
  const seconds = (performance.now() - began) / 1000
  for (const { status, body } of replies) t.deepEqual([status, body.code], [401, 'INVALID_TOKEN'])
  t.true(acquired <= Math.floor(seconds / 5) + 1, `${acquired} in ${seconds} s`)
})
