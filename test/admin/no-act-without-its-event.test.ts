import test from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'
import { actsOf, anAdmin } from './an-admin.ts'

// Whatever cannot be kept does not happen: not even an administrator acts unseen. That a session ends is the one
// exception, for whoever logs out is to be out.

const world = await openWorld({ worker: true })
const { client, sql } = world
const ada = await anAdmin(world)
await sql(
  `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room for events'; END $$`,
)
test.after.always(() => world[Symbol.asyncDispose]())
const { change, remove, logout } = actsOf(client, ada.access)

/** While this goes on no event can be written. */
const unkept = async <T>(act: () => Promise<T>): Promise<T> => {
  await sql(`CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse()`)
  return act().finally(() => sql('DROP TRIGGER refuse ON audit_events'))
}

/** What the acts would change. Mails that were delivered meanwhile are none of it. */
const everything = async () => [
  await sql('SELECT * FROM users ORDER BY id'),
  await sql('SELECT id, kind, recipient, proof_spent_at FROM emails ORDER BY id'),
  await sql('SELECT * FROM audit_events ORDER BY id'),
]

const new_password = 'another horse 10'
const failing = async () => {
  const account = await anAccount(client)
  const { email, userId, access } = account
  const verifying = await world.mails.to(email)
  await client.post('forgot-password', { email })
  const resetting = await world.mails.to(email, 2)
  const newEmail = anEmail()
  const body = { current_password: password, new_email: newEmail }
  await client.post('change-email', body, { token: access })
  const moving = await world.mails.to(newEmail)

  // One who has moved already, and one who is leaving: their ways back.
  const moved = await anAccount(client)
  await client.post('verify-email', { token: tokenOf((await world.mails.to(moved.email)).link) })
  await world.mails.to(moved.email, 2)
  const elsewhere = anEmail()
  await client.post('change-email', { ...body, new_email: elsewhere }, { token: moved.access })
  await client.post('confirm-email', { token: tokenOf((await world.mails.to(elsewhere)).link) })
  const undoing = await world.mails.to(moved.email, 3)
  const leaving = await anAccount(client)
  await world.mails.to(leaving.email)
  await client.send('DELETE', 'me', { token: leaving.access, body: { password } })
  const staying = await world.mails.to(leaving.email, 2)
  await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [userId])

  const token = access
  const acts = {
    register: () => client.post('register', { email: anEmail(), password }),
    login: () => client.post('login', { email, password }),
    'a login that fails': () => client.post('login', { email, password: 'wrong horse 10' }),
    'verify-email': () => client.post('verify-email', { token: tokenOf(verifying.link) }),
    'reset-password': () => client.post('reset-password', { token: tokenOf(resetting.link), new_password }),
    'change-email': () => client.post('change-email', { ...body, new_email: anEmail() }, { token }),
    'confirm-email': () => client.post('confirm-email', { token: tokenOf(moving.link) }),
    'undo-email-change': () => client.post('undo-email-change', { token: tokenOf(undoing.link) }),
    'undo-deletion': () => client.post('undo-deletion', { token: tokenOf(staying.link) }),
    'change-password': () =>
      client.post('change-password', { current_password: password, new_password }, { token }),
    'logout-all': () => client.post('logout-all', undefined, { token }),
    'DELETE me': () => client.send('DELETE', 'me', { token, body: { password } }),
    deactivate: () => change(userId, { is_active: false }),
    roles: () => change(userId, { roles: ['user', 'admin'] }),
    'logout by an administrator': () => logout(userId),
    'DELETE by an administrator': () => remove(userId),
  }
  return { account, acts }
}

test.serial('an act whose event cannot be written fails and changes nothing; later it succeeds', async t => {
  const { account, acts } = await failing()
  const before = await everything()
  const { redis, keys } = world.deps
  const sessions = () => redis.zrange(keys.sessions(account.userId), 0, -1)
  const begun = await sessions()
  for (const [name, act] of Object.entries(acts)) {
    const { status, body, text } = await unkept(act)
    t.is(status, 500, `${name}: ${body?.code}`)
    t.false(text.includes('no room'))
    t.deepEqual(await everything(), before, name)
    t.deepEqual(await sessions(), begun, name)
  }
  t.is((await client.get('me', { token: account.access })).status, 200)
  t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 200)

  for (const name of ['confirm-email', 'undo-email-change', 'undo-deletion', 'deactivate'] as const)
    t.true((await acts[name]()).status < 300, `${name}: nothing was spent`)
})
