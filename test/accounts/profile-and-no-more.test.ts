import test from 'ava'
import { Users } from '../../src/accounts/entity.ts'
import { anAccount, anEmail } from '../make.ts'
import { openWorld } from '../world.ts'

// Of an account its owner changes the profile, and nothing else by that road (OWASP API3, mass assignment). Read off
// the table: a column that is added is refused until somebody decides otherwise.

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const profile = ['full_name', 'phone', 'address', 'preferred_language', 'picture_url']
const values: Record<string, unknown> = {
  email: anEmail(),
  email_verified: true,
  is_active: false,
  roles: ['user', 'admin'],
  password_hash: null,
  session_epoch: 7,
}
const closed = [...Object.keys(Users.options.columns), 'password', 'mfa_enabled'].filter(
  name => !profile.includes(name),
)

for (const method of ['PATCH', 'PUT'])
  test.serial(`${method} takes no column but those of the profile, alone or beside one`, async t => {
    const { access: token, userId } = await anAccount(world.client)
    const rows = () => world.sql('SELECT * FROM users ORDER BY id')
    const before = await rows()
    for (const name of closed)
      for (const value of [values[name] ?? 'x', null])
        for (const beside of [{}, { full_name: 'Changed' }]) {
          const { status, body } = await world.client.send(method, 'me', {
            token,
            body: { ...beside, [name]: value },
          })
          t.is(status, 400, name)
          t.deepEqual(
            body.errors.map((error: { path: string; rule: string }) => [error.path, error.rule]),
            [[name, 'unknown']],
          )
        }
    t.deepEqual(await rows(), before)
    const renamed = await world.client.send(method, 'me', { token, body: { full_name: 'Changed' } })
    t.like(renamed.body, { id: userId, full_name: 'Changed' })
  })

test.serial('a phone number is kept as E.164 with a plus, and as written without one', async t => {
  const { access: token } = await anAccount(world.client)
  const change = (phone: unknown) => world.client.patch('me', { phone }, { token })
  for (const [given, kept] of [
    ['+49 (0)30 123456', '+4930123456'],
    ['+1.415.555.2671', '+14155552671'],
    [' (415) 555-2671 ', '(415) 555-2671'],
  ]) {
    t.is((await change(given)).body.phone, kept)
    const again = await change(kept)
    t.is(again.status, 200, 'what is shown may be sent back')
    t.is(again.body.phone, kept)
  }
  for (const phone of ['+1 415 555 267', '+1 415 555 2671 ext 5', '555-2671', '+', '٤١٥٥٥٥٢٦٧١'])
    t.is((await change(phone)).status, 400, phone)
  t.is((await world.client.get('me', { token })).body.phone, '(415) 555-2671')
  t.is((await change(null)).body.phone, null)
  t.is((await world.client.get('me', { token })).body.phone, null)
})
