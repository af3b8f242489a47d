import { randomUUID } from 'node:crypto'
import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest from 'ava'
import { hash } from 'bcrypt'
import { writeDevEnv } from '../../../src/dev-services/dev-env.ts'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { runCommand, spawnCommand } from './run-command.ts'

// Commands for accounts, emails and keys.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const folder = await mkdtemp(join(tmpdir(), 'latchkey-import-'))
const lastAdminWorld = await openWorld()
anyTest.after.always(async () => {
  for (const each of [world, lastAdminWorld]) await each[Symbol.asyncDispose]()
})

{
  const { client, env, mails, sql } = world
  const emails = (...args: string[]) => runCommand(env, ['emails', ...args, '--json'])
  const refusal = Object.assign(new Error('no'), { responseCode: 550 })

  const statusOf = async (email: string) =>
    (await sql<{ status: string }>('SELECT status FROM emails WHERE recipient = $1', [email]))[0]?.status

  const aFailedEmail = async (): Promise<string> => {
    const email = anEmail()
    await client.post('register', { email, password: 'correct horse 9' })
    await until('the email fails', async () => (await statusOf(email)) === 'failed')
    return email
  }

  test('emails failed → lists failed emails; emails retry → sends one by id or all', async t => {
    await mails.answer(refusal)
    const failed = [await aFailedEmail(), await aFailedEmail(), await aFailedEmail()]
    const { code, json } = await emails('failed')
    t.is(code, 0)
    t.deepEqual(json.map((mail: { recipient: string }) => mail.recipient).reverse(), failed)
    t.like(json[0], { kind: 'verify_email', attempts: 1, last_error: 'SMTP 550' })
    t.is((await emails('failed', '--limit', '2')).json.length, 2)

    await mails.answer(null)
    const [last] = json
    t.deepEqual((await emails('retry', last.id)).json, { retried: 1 })
    await mails.to(last.recipient)
    await until('the email is sent', async () => (await statusOf(last.recipient)) === 'sent')
    const again = await emails('retry', last.id)
    t.is(again.code, 1, 'a sent email is not sent again')
    t.is(again.json.error.code, 'NOT_FOUND')

    t.deepEqual((await emails('retry', '--all')).json, { retried: 2 })
    for (const email of failed) t.truthy(await mails.to(email))
    await until('no email is failed', async () => (await emails('failed')).json.length === 0)
  })

  test('emails retry --all while emails fail again → each email is retried once', async t => {
    await mails.answer(refusal)
    await aFailedEmail()
    t.deepEqual((await emails('retry', '--all')).json, { retried: 1 })
    await mails.answer(null)
  })

  test('emails retry with neither or both of id and --all → exit code 64', async t => {
    for (const args of [[], [randomUUID(), '--all']]) t.is((await emails('retry', ...args)).code, 64)
    t.is((await emails('retry', randomUUID())).code, 1)
  })

  test('emails test → the email arrives, and no row is stored', async t => {
    const email = anEmail()
    const { code, json } = await emails('test', email)
    t.is(code, 0)
    t.deepEqual(json, { answer: 'SMTP 250' })
    t.regex((await mails.to(email)).mail.text ?? '', /latchkey\.test/)
    t.is(await statusOf(email), undefined)
  })

  test('emails test is refused by the mail server → its reply code is shown, but not its text', async t => {
    await mails.answer(Object.assign(new Error('canary'), { responseCode: 554 }))
    const { code, json, out, err } = await emails('test', anEmail())
    await mails.answer(null)
    t.is(code, 1)
    t.is(json.error.fault, 'SMTP 554')
    t.notRegex(out + err, /canary/)
  })

  test('emails test without a mail server → exit code 1 and the error code of the connection', async t => {
    const { code, json } = await runCommand({ ...env, SMTP_URL: 'smtp://127.0.0.1:1' }, [
      ...['emails', 'test', anEmail(), '--json'],
    ])
    t.is(code, 1)
    t.regex(json.error.fault, /^E[A-Z]+$/)
  })

  test('keys list → the published keys without a secret', async t => {
    const { code, json, out } = await runCommand(env, ['keys', 'list', '--json'])
    t.is(code, 0)
    const { keys } = (await client.get('/.well-known/paseto-keys')).body
    t.deepEqual(json, keys)
    const [row] = await sql<{ sealed_secret: string }>('SELECT sealed_secret FROM signing_keys')
    t.truthy(row)
    t.false(out.includes(row?.sealed_secret ?? ''))
    t.notRegex(out, /k4\.secret/)
  })

  test('an `npm start` runs → a command without a configuration uses its services', async t => {
    const state = join(folder, 'state')
    using _ = await writeDevEnv(state, env)
    const { code, json } = await spawnCommand({ LATCHKEY_STATE: state }, ['keys', 'list', '--json'])
    t.is(code, 0)
    t.deepEqual(json, (await client.get('/.well-known/paseto-keys')).body.keys)
  })
}

{
  const { client, env, mails, sql } = world
  const users = (verb: string, ...rest: string[]) => runCommand(env, ['users', verb, ...rest, '--json'])
  const create = (email: string, input: string, ...rest: string[]) =>
    runCommand(env, ['users', 'create', email, ...rest, '--json'], input)

  const eventsOf = (userId: string) =>
    sql<{ type: string; actor_id: string | null; ip: string | null; user_agent: string }>(
      'SELECT type, actor_id, ip, user_agent FROM audit_events WHERE user_id = $1 ORDER BY id',
      [userId],
    )

  test('users create → the password from stdin signs in, and a verification email is sent', async t => {
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

  test('users create with spaces in the password → only the last line break of stdin is removed', async t => {
    const email = anEmail()
    const spaced = '  two  words 9 '
    const args = ['users', 'create', email, '--verified']
    t.is((await spawnCommand(env, args, { input: `${spaced}\r\n` })).code, 0)
    t.is((await client.post('login', { email, password: spaced })).status, 200)
    t.is((await client.post('login', { email, password: spaced.trim() })).status, 401)
  })

  test('users create --verified --admin → a verified administrator and no email', async t => {
    const email = anEmail()
    const { code, json } = await create(email, password, '--verified', '--admin')
    t.is(code, 0)
    t.like(json, { email_verified: true, roles: ['user', 'admin'] })
    t.deepEqual(await sql('SELECT 1 FROM emails WHERE recipient = $1', [email]), [])
  })

  test('users create --invite → no password until the owner sets one with the mailed link', async t => {
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

  test('users create with a weak or no password, or a taken address → no account', async t => {
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

  test('users deactivate → all sessions are revoked; users activate → a new login works', async t => {
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

  test('users commands for an unknown address → NOT_FOUND', async t => {
    for (const verb of ['promote', 'demote', 'deactivate', 'activate']) {
      const { code, json } = await users(verb, anEmail())
      t.is(code, 1)
      t.is(json.error.code, 'NOT_FOUND')
    }
  })
}

{
  const { client, env, sql } = world
  anyTest.after.always(async () => {
    await rm(folder, { recursive: true, force: true })
    await world[Symbol.asyncDispose]()
  })

  const fileOf = async (name: string, lines: unknown[]): Promise<string> => {
    const path = join(folder, name)
    await writeFile(
      path,
      lines.map(line => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
    )
    return path
  }

  const countOf = async (emails: string[]): Promise<number> =>
    (await sql('SELECT 1 FROM users WHERE email = ANY($1)', [emails])).length

  test('users import --dry-run → the same counts as the import, and nothing is written', async t => {
    const [newEmail, other, known] = [anEmail(), anEmail(), anEmail()]
    t.true((await client.post('register', { email: known, password })).status < 300)
    const path = await fileOf('mixed.jsonl', [
      { email: newEmail, password_hash: await hash(password, 4), email_verified: true },
      { email: known },
      { email: 'canary-address', full_name: 'Ada' },
      '{"email": ',
      { email: other, roles: ['user'] },
    ])
    const run = (...more: string[]) => runCommand(env, ['users', 'import', path, '--json', ...more])

    const dry = await run('--dry-run')
    t.is(await countOf([newEmail, other]), 0)
    t.like(dry.json, { imported: 2, existing: 1, dry_run: true })
    t.deepEqual(
      dry.json.refused.map(({ line }: { line: number }) => line),
      [3, 4],
    )
    t.is(dry.code, 1, 'exit code 1 because of a refused line')
    t.false((dry.out + dry.err).includes('canary'))

    const real = await run()
    t.like(real.json, { imported: 2, existing: 1, dry_run: false, refused: dry.json.refused })
    t.is(await countOf([newEmail, other]), 2)
    t.is((await client.post('login', { email: newEmail, password })).status, 200)

    t.like((await run()).json, { imported: 0, existing: 3 })
  })

  test('users import of a valid file → exit code 0, and no progress without a terminal', async t => {
    const path = await fileOf('good.jsonl', [{ email: anEmail() }])
    const { code, out, err } = await runCommand(env, ['users', 'import', path])
    t.is(code, 0)
    t.is(out, '1 were imported, 0 had an account already, 0 refused.\n')
    t.is(err, '')
  })

  test('users import with a line of 600 MB → it is refused by its number, and the next is imported', async t => {
    const path = join(folder, 'long.jsonl')
    await writeFile(path, '')
    // A sparse file: it takes no disk space, and is read as 600 MB of zeros.
    await truncate(path, 600_000_000)
    await appendFile(path, `\n${JSON.stringify({ email: anEmail() })}\n`)
    const { code, out, err } = await runCommand(env, ['users', 'import', path])
    t.is(code, 1, err)
    t.regex(out + err, /^line 1: the line is longer than 65536 bytes$/m)
    t.regex(out + err, /1 were imported, 0 had an account already, 1 refused\./)
  })

  test('users import of a missing file → exit code 1 with ENOENT', async t => {
    const { code, err } = await runCommand(env, ['users', 'import', join(folder, 'none.jsonl')])
    t.is(code, 1)
    t.regex(err, /ENOENT/)
  })

  test('users import of a folder → exit code 1', async t => {
    const { code } = await runCommand(env, ['users', 'import', folder])
    t.is(code, 1)
  })
}

{
  const world = lastAdminWorld
  const { client, env, sql } = world
  const users = (verb: string, email: string) => runCommand(env, ['users', verb, email, '--json'])

  test('users promote → makes the first administrator; the last one cannot be demoted or deactivated', async t => {
    const [ada, eve] = [await anAccount(client), await anAccount(client)]
    t.is((await client.get('/api/v1/admin/users', { token: ada.access })).status, 403)

    const unverified = await users('promote', ada.email)
    t.is(unverified.json.error.code, 'EMAIL_NOT_VERIFIED', 'another person may have registered the address')
    await sql('UPDATE users SET email_verified = true')

    const promoted = await users('promote', ada.email)
    t.is(promoted.code, 0)
    t.deepEqual(promoted.json.roles, ['user', 'admin'])
    // A token keeps the roles from when it was issued, so a new login is needed.
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

  test('users demote or activate without effect → exit code 0, no event, sessions stay', async t => {
    const { email, userId, access } = await anAccount(client)
    for (const verb of ['demote', 'activate']) t.is((await users(verb, email)).code, 0)
    t.is((await client.get('me', { token: access })).status, 200)
    const events = await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type <> 'user.registered'`, [
      userId,
    ])
    t.deepEqual(events, [])
  })
}
