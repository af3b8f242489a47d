import test from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'
import { runCommand } from './run-command.ts'

const world = await openWorld({ worker: true })
const { client, env, mails, sql } = world
test.after.always(() => world[Symbol.asyncDispose]())

const users = (verb: string, ...rest: string[]) => runCommand(env, ['users', verb, ...rest, '--json'])
const create = (email: string, input: string, ...rest: string[]) =>
  runCommand(env, ['users', 'create', email, ...rest, '--json'], input)

const eventsOf = (userId: string) =>
  sql<{ type: string; actor_id: string | null; ip: string | null; user_agent: string }>(
    'SELECT type, actor_id, ip, user_agent FROM audit_events WHERE user_id = $1 ORDER BY id',
    [userId],
  )

test('an account that is created signs in with the password of the pipe, and is asked to verify', async t => {
  const email = anEmail()
  const { code, json, out } = await create(email.toUpperCase(), `${password}\n`, '--name', 'Ada')
  t.is(code, 0)
  t.like(json, { email, full_name: 'Ada', roles: ['user'], email_verified: false })
  t.notRegex(out, /password_hash|\$2b\$/)
  t.regex((await mails.to(email)).link, /verify-email/)
  t.is((await client.post('login', { email, password })).status, 200)
  const [made] = await eventsOf(json.id)
  t.like(made, { type: 'user.registered', actor_id: null, ip: null, user_agent: 'latchkey command' })
})

test('a password keeps its spaces: only the last line break of the pipe is none of it', async t => {
  const email = anEmail()
  const odd = '  two  words 9 '
  t.is((await create(email, `${odd}\r\n`, '--verified')).code, 0)
  t.is((await client.post('login', { email, password: odd })).status, 200)
  t.is((await client.post('login', { email, password: odd.trim() })).status, 401)
})

test('with --verified --admin nobody is mailed, and the account is an administrator', async t => {
  const email = anEmail()
  const { code, json } = await create(email, password, '--verified', '--admin')
  t.is(code, 0)
  t.like(json, { email_verified: true, roles: ['user', 'admin'] })
  t.deepEqual(await sql('SELECT 1 FROM emails WHERE recipient = $1', [email]), [])
})

test('an invited account has no password until its owner chooses one by the mailed link', async t => {
  const email = anEmail()
  const { code, json } = await create(email, '', '--invite')
  t.is(code, 0)
  t.is((await client.post('login', { email, password })).status, 401)
  const token = tokenOf((await mails.to(email)).link)
  t.is((await client.post('reset-password', { token, new_password: password })).status, 204)
  const login = await client.post('login', { email, password })
  t.is(login.status, 200)
  t.like(login.body.user, { id: json.id, email_verified: true })
})

test('no account comes of a weak password, none, or an address that is taken', async t => {
  const email = anEmail()
  const weak = await create(email, 'password1')
  t.is(weak.code, 1)
  t.is(weak.json.error.code, 'VALIDATION_ERROR')
  t.is(weak.json.error.errors[0].rule, 'too_common')
  t.is((await create(email, '\n')).code, 64)
  t.is((await create(email, 'x'.repeat(5000))).code, 64)
  t.deepEqual(await sql('SELECT 1 FROM users WHERE email = $1', [email]), [])

  const taken = await anAccount(client)
  const again = await create(taken.email, password)
  t.is(again.code, 1)
  t.is(again.json.error.code, 'USER_EXISTS')
})

test('a deactivation ends every session at once, and can be taken back', async t => {
  const { email, userId, access } = await anAccount(client)
  t.like((await users('deactivate', email)).json, { is_active: false })
  t.is((await client.get('me', { token: access })).status, 401)
  t.is((await client.post('login', { email, password })).status, 403)
  t.like((await users('activate', email)).json, { is_active: true })
  t.is((await client.post('login', { email, password })).status, 200)
  const types = (await eventsOf(userId)).map(({ type }) => type)
  t.deepEqual(
    types.filter(type => /activated/.test(type)),
    ['user.deactivated', 'user.activated'],
  )
})

test('nobody is changed who is not there', async t => {
  for (const verb of ['promote', 'demote', 'deactivate', 'activate']) {
    const { code, json } = await users(verb, anEmail())
    t.is(code, 1)
    t.is(json.error.code, 'NOT_FOUND')
  }
})
