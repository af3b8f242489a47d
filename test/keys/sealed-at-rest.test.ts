import test from 'ava'
import { deriveSecrets } from '../../src/crypto/secrets.ts'
import { openKeyRing } from '../../src/keys/store.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

test('whoever has the database without the secret of the application cannot sign', async t => {
  const rows = await world.sql<Record<string, string>>('SELECT * FROM signing_keys')
  t.is(rows.length, 1)
  t.notRegex(JSON.stringify(rows), /k4\.secret|k4\.local/)
  const { database } = world.deps
  await t.throwsAsync(openKeyRing(database, deriveSecrets('another secret of the application')), {
    message: /APP_SECRET/,
  })
  await t.notThrowsAsync(openKeyRing(database, world.deps.secrets))
})
