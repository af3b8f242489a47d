import test from 'ava'
import { anAccount, password } from '../make.ts'
import { openWorld } from '../world.ts'
import { runCommand } from './run-command.ts'

const world = await openWorld()
const { client, env, sql } = world
test.after.always(() => world[Symbol.asyncDispose]())

const users = (verb: string, email: string) => runCommand(env, ['users', verb, email, '--json'])

test('the first administrator is made by the command, and the last one stays', async t => {
  const [ada, eve] = [await anAccount(client), await anAccount(client)]
  t.is((await client.get('/api/v1/admin/users', { token: ada.access })).status, 403)

  const unproven = await users('promote', ada.email)
  t.is(unproven.json.error.code, 'EMAIL_NOT_VERIFIED', 'somebody else may have registered the address')
  await sql('UPDATE users SET email_verified = true')

  const promoted = await users('promote', ada.email)
  t.is(promoted.code, 0)
  t.deepEqual(promoted.json.roles, ['user', 'admin'])
  // The roles of a token are those of its hour: it has to be a new one.
  t.is((await client.get('me', { token: ada.access })).status, 401)
  const { access_token: token } = (await client.post('login', { email: ada.email, password })).body
  t.is((await client.get('/api/v1/admin/users', { token })).status, 200)

  for (const verb of ['demote', 'deactivate']) {
    const refused = await users(verb, ada.email)
    t.is(refused.code, 1, verb)
    t.is(refused.json.error.code, 'FORBIDDEN')
  }
  t.is((await client.get('/api/v1/admin/users', { token })).status, 200)

  t.is((await users('promote', eve.email)).code, 0)
  t.deepEqual((await users('demote', ada.email)).json.roles, ['user'])
  const admins = await sql<{ email: string }>(`SELECT email FROM users WHERE 'admin' = ANY(roles)`)
  t.deepEqual(admins, [{ email: eve.email }])
})

test('what is so already changes nothing and is no refusal', async t => {
  const { email, userId, access } = await anAccount(client)
  for (const verb of ['demote', 'activate']) t.is((await users(verb, email)).code, 0)
  t.is((await client.get('me', { token: access })).status, 200)
  const events = await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type <> 'user.registered'`, [
    userId,
  ])
  t.deepEqual(events, [])
})
