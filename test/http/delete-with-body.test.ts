import test from 'ava'
import { anAccount, password } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const { client } = world
test.after.always(() => world[Symbol.asyncDispose]())

test('the body of a DELETE is read and checked like any other', async t => {
  const { access: token } = await anAccount(client)
  const remove = (body?: unknown) => client.send('DELETE', 'me', { token, body })
  t.is((await remove({ password: 'not the password 1' })).body.code, 'INVALID_CURRENT_PASSWORD')
  t.is((await remove()).body.code, 'VALIDATION_ERROR')
  t.is((await remove({ password, nonsense: true })).body.code, 'VALIDATION_ERROR')
  t.is((await remove({ password })).status, 204)
})
