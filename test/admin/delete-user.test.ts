import test from 'ava'
import { eraseAccounts } from '../../src/accounts/erase-accounts.ts'
import { type Account, anAccount, anEmail, password, tokenOf } from '../make.ts'
import { openWorld, until } from '../world.ts'
import { actsOf, anAdmin } from './an-admin.ts'

const world = await openWorld({ worker: true })
const other = await world.instance()
const ada = await anAdmin(world)
test.after.always(() => world[Symbol.asyncDispose]())
const clients = [world.client, other.client]
const { remove, read, logout, list } = actsOf(other.client, ada.access)

const login = (email: string, given = password) => world.client.post('login', { email, password: given })
const allDead = async ({ access, refresh }: Pick<Account, 'access' | 'refresh'>): Promise<boolean> => {
  for (const client of clients) {
    const me = await client.get('me', { token: access })
    const refreshed = await client.post('refresh', { refresh_token: refresh })
    if (me.body.code !== 'SESSION_REVOKED' || refreshed.body.code !== 'INVALID_REFRESH_TOKEN') return false
  }
  return true
}
const signIn = async (email: string) => {
  const { body } = await login(email)
  return { access: body.access_token, refresh: body.refresh_token }
}
const eventsOf = (userId: string, type: string) =>
  world.sql<{ actor_id: string }>('SELECT actor_id FROM audit_events WHERE user_id = $1 AND type = $2', [
    userId,
    type,
  ])

test.serial('whoever is deleted is out at once, everywhere, and does not get in again', async t => {
  const account = await anAccount(world.client)
  const { email, userId } = account
  await world.mails.to(email)
  const second = await signIn(email)
  const reply = await remove(userId)
  t.is(reply.status, 204)
  t.is(reply.text, '')
  for (const session of [account, second]) t.true(await allDead(session))
  t.is((await login(email, 'wrong horse 10')).body.code, 'INVALID_CREDENTIALS')
  t.is((await login(email)).status, 403)
  t.deepEqual(await eventsOf(userId, 'user.deleted'), [{ actor_id: ada.userId }])

  t.is((await world.client.post('forgot-password', { email })).status, 202)
  await until('the mail to be dropped', async () => {
    const [row] = await world.sql<{ status: string }>(
      `SELECT status FROM emails WHERE recipient = $1 AND kind = 'reset_password'`,
      [email],
    )
    return row?.status === 'dropped'
  })
  t.is(world.mails.caught.filter(({ to }) => to.includes(email)).length, 1, 'the first one alone')
})

test.serial('a sign-in or refresh in the midst of a deletion opens nothing', async t => {
  const account = await anAccount(world.client)
  const asked = clients.flatMap(client => [
    client.post('login', { email: account.email, password }),
    client.post('refresh', { refresh_token: account.refresh }),
    client.post('login', { email: account.email, password }),
  ])
  t.is((await remove(account.userId)).status, 204)
  for (const { status, body } of await Promise.all(asked))
    if (status === 200)
      t.true(await allDead({ access: body.access_token, refresh: body.refresh_token }), 'began before')
  t.true(await allDead(account))
})

test.serial('no link that was mailed before takes it back, or does anything else', async t => {
  const { email, access, userId } = await anAccount(world.client)
  const verifying = await world.mails.to(email)
  await world.client.post('verify-email', { token: tokenOf(verifying.link) })
  const newEmail = anEmail()
  await world.client.post(
    'change-email',
    { current_password: password, new_email: newEmail },
    { token: access },
  )
  await world.client.post('confirm-email', { token: tokenOf((await world.mails.to(newEmail)).link) })
  const undoing = await until('the undo mail', () =>
    world.mails.caught.find(({ to, link }) => to.includes(email) && link.includes('undo-email-change')),
  )
  await world.client.post('forgot-password', { email: newEmail })
  const resetting = await until('the reset mail', () =>
    world.mails.caught.find(({ to, link }) => to.includes(newEmail) && link.includes('reset-password')),
  )

  t.is((await remove(userId)).status, 204)
  const before = await world.sql('SELECT * FROM users WHERE id = $1', [userId])
  const uses: [string, Record<string, string>][] = [
    ['undo-email-change', { token: tokenOf(undoing.link) }],
    ['undo-deletion', { token: tokenOf(undoing.link) }],
    ['reset-password', { token: tokenOf(resetting.link), new_password: 'another horse 10' }],
    ['reset-password', { email: newEmail, code: resetting.code, new_password: 'another horse 10' }],
  ]
  for (const [path, body] of uses)
    t.is((await world.client.post(path, body)).body.code, 'INVALID_TOKEN', path)
  t.deepEqual(await world.sql('SELECT * FROM users WHERE id = $1', [userId]), before)
})

test.serial('an owner who was leaving has no way back once an administrator deletes the account', async t => {
  const { email, access, userId } = await anAccount(world.client)
  await world.mails.to(email)
  await world.client.send('DELETE', 'me', { token: access, body: { password } })
  const { link } = await world.mails.to(email, 2)
  t.is((await remove(userId)).status, 204)
  t.is((await world.client.post('undo-deletion', { token: tokenOf(link) })).status, 401)
  await eraseAccounts(world.deps)
  t.is((await read(userId)).status, 404, 'no thirty days are left to wait')
})

test.serial('the next round of the worker erases it, and the address is free again', async t => {
  const account = await anAccount(world.client, { full_name: 'Gone Soon' })
  const { email, userId } = account
  await remove(userId)
  t.is((await remove(userId)).status, 204, 'asked twice it is deleted once more')
  t.is((await world.client.post('register', { email, password })).body.code, 'USER_EXISTS')
  t.true((await eraseAccounts(world.deps)) >= 1)
  for (const reply of [await read(userId), await remove(userId), await logout(userId)])
    t.is(reply.status, 404)
  t.deepEqual((await list('search=gone')).body.data, [])
  t.deepEqual(await world.sql('SELECT 1 FROM emails WHERE recipient = $1', [email]), [])

  const right = await login(email)
  t.is(right.status, 401)
  t.is(right.body.code, 'INVALID_CREDENTIALS')
  t.true(await allDead(account))

  const anew = await anAccount(world.client, { email })
  t.not(anew.userId, userId)
  t.true(await allDead(account))
  t.is((await world.client.get('me', { token: anew.access })).status, 200)
})

test.serial('an administrator may sign somebody out everywhere, who may sign in again', async t => {
  const account = await anAccount(world.client)
  const { email, userId } = account
  const [second, bystander] = [await signIn(email), await anAccount(world.client)]
  const reply = await logout(userId)
  t.is(reply.status, 204)
  t.is(reply.text, '')
  for (const session of [account, second]) t.true(await allDead(session))
  t.is((await world.client.get('me', { token: bystander.access })).status, 200)
  t.is((await world.client.get('me', { token: ada.access })).status, 200)
  t.deepEqual(await eventsOf(userId, 'sessions.ended'), [{ actor_id: ada.userId }])
  t.is((await login(email)).status, 200)
})
