import test from 'ava'
import { type Account, anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const ways: [what: string, end: (account: Account) => Promise<unknown>][] = [
  [
    'a deactivated account',
    ({ userId }) => world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId]),
  ],
  ['a deleted account', ({ userId }) => world.sql('DELETE FROM users WHERE id = $1', [userId])],
  [
    'an account whose epoch was raised',
    ({ userId }) => world.sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [userId]),
  ],
]

for (const [what, end] of ways)
  test(`the tokens of ${what} are refused at once, everywhere`, async t => {
    const account = await anAccount(world.client)
    // Whatever is remembered of a verified token is remembered by now.
    for (const client of [world.client, other.client])
      t.is((await client.get('me', { token: account.access })).status, 200)
    await end(account)

    for (const client of [world.client, other.client]) {
      const asks = [
        client.get('me', { token: account.access }),
        client.patch('me', { full_name: 'Still Here' }, { token: account.access }),
        client.post('logout-all', undefined, { token: account.access }),
      ]
      for (const { status, body, headers } of await Promise.all(asks)) {
        t.is(status, 401)
        t.is(body.code, 'SESSION_REVOKED')
        t.is(headers.get('www-authenticate'), 'Bearer realm="latchkey", error="invalid_token"')
      }
      const refreshed = await client.post('refresh', { refresh_token: account.refresh })
      t.is(refreshed.status, 401)
      t.is(refreshed.body.code, 'INVALID_REFRESH_TOKEN')
    }
    const rows = await world.sql(`SELECT 1 FROM users WHERE id = $1 AND full_name = 'Still Here'`, [
      account.userId,
    ])
    t.is(rows.length, 0)
  })

test('an account that is activated again needs a new login: its old sessions stay ended', async t => {
  const account = await anAccount(world.client)
  await world.sql('UPDATE users SET is_active = false WHERE id = $1', [account.userId])
  t.is((await world.client.post('refresh', { refresh_token: account.refresh })).status, 401)
  await world.sql('UPDATE users SET is_active = true WHERE id = $1', [account.userId])
  t.is((await world.client.get('me', { token: account.access })).status, 401)
  t.is((await world.client.post('refresh', { refresh_token: account.refresh })).status, 401)
  const { email, password } = account
  t.is((await world.client.post('login', { email, password })).status, 200)
})
