import anyTest from 'ava'
import { Users } from '../../../src/features/users/entity.ts'
import { type Account, anAccount, anEmail } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// The profile: which fields its owner can read and change.

const test = anyTest.serial

const world = await openWorld()
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  const full = {
    full_name: 'Ada Lovelace',
    phone: '+442071234567',
    address: '12 St James’s Square, London',
    preferred_language: 'en-GB',
  }
  const methods = ['PATCH', 'PUT'] as const
  const change = (method: string, token: string, body?: unknown) =>
    world.client.send(method, 'me', { token, ...(body !== undefined && { body }) })
  const rowOf = async (id: string) =>
    (await world.sql<{ updated_at: Date }>('SELECT * FROM users WHERE id = $1', [id]))[0]

  for (const method of methods) {
    test(`${method} me with two fields → only these fields and updated_at change`, async t => {
      const { access, userId } = await anAccount(world.client, full)
      const before = await world.client.get('me', { token: access })
      const reply = await change(method, access, {
        full_name: 'Ada King',
        picture_url: 'https://img.example/a',
      })
      t.is(reply.status, 200)
      t.deepEqual(
        { ...reply.body, updated_at: '' },
        { ...before.body, full_name: 'Ada King', picture_url: 'https://img.example/a', updated_at: '' },
      )
      t.true(Date.parse(reply.body.updated_at) > Date.parse(before.body.updated_at))
      t.deepEqual((await world.client.get('me', { token: access })).body, reply.body)
      t.is((await rowOf(userId))?.updated_at.toISOString(), reply.body.updated_at)
    })

    test(`${method} me with null for a field → the field is cleared`, async t => {
      const { access } = await anAccount(world.client, full)
      for (const name of Object.keys(full)) {
        const { status, body } = await change(method, access, { [name]: null })
        t.is(status, 200)
        t.is(body[name], null)
      }
      const { body } = await world.client.get('me', { token: access })
      for (const name of Object.keys(full)) t.is(body[name], null)
    })

    test(`${method} me without fields → 200, and the row is unchanged`, async t => {
      const { access, userId } = await anAccount(world.client, full)
      const before = await rowOf(userId)
      for (const body of [{}, undefined]) t.is((await change(method, access, body)).status, 200)
      t.deepEqual(await rowOf(userId), before)
    })
  }

  test('picture_url is not an https URL, or holds credentials → 400', async t => {
    const { access } = await anAccount(world.client)
    const refused = [
      'http://img.example/a',
      'javascript:alert(1)',
      'data:image/png;base64,AAAA',
      '//img.example/a',
      'https://user:pass@img.example/a',
      'https://',
      'img.example/a',
      `https://img.example/${'a'.repeat(2048)}`,
    ]
    for (const picture_url of refused) {
      const reply = await change('PATCH', access, { picture_url })
      t.is(reply.status, 400, picture_url.slice(0, 40))
      t.deepEqual(
        reply.body.errors.map((error: Record<string, unknown>) => [error.path, error.rule]),
        [['picture_url', 'https_url']],
      )
    }
    const { body } = await change('PATCH', access, { picture_url: 'HTTPS://IMG.example/a b' })
    t.is(body.picture_url, 'https://img.example/a%20b')
  })

  test('phone is changed → stored in the normalized form; invalid numbers get 400', async t => {
    const { access } = await anAccount(world.client)
    const forms: [given: string, kept: string][] = [
      [' +1 (415) 555-2671 ', '+14155552671'],
      ['0171 234 56 78', '0171 234 56 78'],
    ]
    for (const [phone, stored] of forms) t.is((await change('PATCH', access, { phone })).body.phone, stored)
    for (const phone of ['12345', '+0123456789', '+12', '0171x2345678', 'tel:+14155552671'])
      t.is((await change('PATCH', access, { phone })).status, 400, phone)
  })

  test('one field of several is invalid → 400, and no field changes', async t => {
    const { access, userId } = await anAccount(world.client, full)
    const before = await rowOf(userId)
    t.is((await change('PATCH', access, { full_name: 'Changed', phone: 'none' })).status, 400)
    t.deepEqual(await rowOf(userId), before)
  })

  test('a user changes the own profile → other users are unchanged', async t => {
    const [one, other] = [await anAccount(world.client, full), await anAccount(world.client, full)]
    const before = await rowOf(other.userId)
    t.is((await change('PATCH', one.access, { full_name: 'Only Me' })).status, 200)
    t.deepEqual(await rowOf(other.userId), before)
  })
}

{
  // The profile route changes profile fields only (OWASP API3, mass assignment). The list comes from the entity, so
  // that a new column is refused until this test allows it.

  const profile = ['full_name', 'phone', 'address', 'preferred_language', 'picture_url']
  const values: Record<string, unknown> = {
    email: anEmail(),
    email_verified: true,
    is_active: false,
    roles: ['user', 'admin'],
    password_hash: null,
    session_epoch: 7,
  }
  const refusedNames = [...Object.keys(Users.options.columns), 'password', 'mfa_enabled'].filter(
    name => !profile.includes(name),
  )

  for (const method of ['PATCH', 'PUT'])
    test(`${method} me with a column outside the profile → 400 and no change, alone or with a valid field`, async t => {
      const { access: token, userId } = await anAccount(world.client)
      const rows = () => world.sql('SELECT * FROM users ORDER BY id')
      const before = await rows()
      for (const name of refusedNames)
        for (const value of [values[name] ?? 'x', null])
          for (const valid of [{}, { full_name: 'Changed' }]) {
            const { status, body } = await world.client.send(method, 'me', {
              token,
              body: { ...valid, [name]: value },
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

  test('phone with a plus → stored as E.164; phone without a plus → stored as written', async t => {
    const { access: token } = await anAccount(world.client)
    const change = (phone: unknown) => world.client.patch('me', { phone }, { token })
    for (const [given, stored] of [
      ['+49 (0)30 123456', '+4930123456'],
      ['+1.415.555.2671', '+14155552671'],
      [' (415) 555-2671 ', '(415) 555-2671'],
    ]) {
      t.is((await change(given)).body.phone, stored)
      const again = await change(stored)
      t.is(again.status, 200, 'the returned value is accepted')
      t.is(again.body.phone, stored)
    }
    for (const phone of ['+1 415 555 267', '+1 415 555 2671 ext 5', '555-2671', '+', '①②③④⑤⑥⑦⑧⑨⓪'])
      t.is((await change(phone)).status, 400, phone)
    t.is((await world.client.get('me', { token })).body.phone, '(415) 555-2671')
    t.is((await change(null)).body.phone, null)
    t.is((await world.client.get('me', { token })).body.phone, null)
  })
}

{
  const revocations: [what: string, end: (account: Account) => Promise<unknown>][] = [
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

  for (const [what, end] of revocations)
    test(`the tokens of ${what} → 401 at once at every instance`, async t => {
      const account = await anAccount(world.client)
      // Fill the token cache of both instances, so that a stale cache entry would show.
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

  test('an account is deactivated and activated again → its old tokens stay refused, and a new login works', async t => {
    const account = await anAccount(world.client)
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [account.userId])
    t.is((await world.client.post('refresh', { refresh_token: account.refresh })).status, 401)
    await world.sql('UPDATE users SET is_active = true WHERE id = $1', [account.userId])
    t.is((await world.client.get('me', { token: account.access })).status, 401)
    t.is((await world.client.post('refresh', { refresh_token: account.refresh })).status, 401)
    const { email, password } = account
    t.is((await world.client.post('login', { email, password })).status, 200)
  })
}
