import { randomUUID } from 'node:crypto'
import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest from 'ava'
import { hash } from 'bcrypt'
import { leaveDevEnv } from '../../../src/dev-services/dev-env.ts'
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
  const emails = (...words: string[]) => runCommand(env, ['emails', ...words, '--json'])
  const refusal = Object.assign(new Error('no'), { responseCode: 550 })

  const statusOf = async (email: string) =>
    (await sql<{ status: string }>('SELECT status FROM emails WHERE recipient = $1', [email]))[0]?.status

  const failedMail = async (): Promise<string> => {
    const email = anEmail()
    await client.post('register', { email, password: 'correct horse 9' })
    await until('the mail fails', async () => (await statusOf(email)) === 'failed')
    return email
  }

  test('mails that were given up are listed, and sent again by id or all at once', async t => {
    await mails.answer(refusal)
    const failed = [await failedMail(), await failedMail(), await failedMail()]
    const { code, json } = await emails('failed')
    t.is(code, 0)
    t.deepEqual(json.map((mail: { recipient: string }) => mail.recipient).reverse(), failed)
    t.like(json[0], { kind: 'verify_email', attempts: 1, last_error: 'SMTP 550' })
    t.is((await emails('failed', '--limit', '2')).json.length, 2)

    await mails.answer(null)
    const [last] = json
    t.deepEqual((await emails('retry', last.id)).json, { retried: 1 })
    await mails.to(last.recipient)
    await until('the row is settled', async () => (await statusOf(last.recipient)) === 'sent')
    const again = await emails('retry', last.id)
    t.is(again.code, 1, 'a mail that was sent is not sent again')
    t.is(again.json.error.code, 'NOT_FOUND')

    t.deepEqual((await emails('retry', '--all')).json, { retried: 2 })
    for (const email of failed) t.truthy(await mails.to(email))
    await until('every row is settled', async () => (await emails('failed')).json.length === 0)
  })

  test('a retry of everything meets each mail once, though they fail again', async t => {
    await mails.answer(refusal)
    await failedMail()
    t.deepEqual((await emails('retry', '--all')).json, { retried: 1 })
    await mails.answer(null)
  })

  test('retry wants an id or --all, and not both', async t => {
    for (const words of [[], [randomUUID(), '--all']]) t.is((await emails('retry', ...words)).code, 64)
    t.is((await emails('retry', randomUUID())).code, 1)
  })

  test('a test mail arrives, and no row is owed for it', async t => {
    const email = anEmail()
    const { code, json } = await emails('test', email)
    t.is(code, 0)
    t.deepEqual(json, { answer: 'SMTP 250' })
    t.regex((await mails.to(email)).mail.text ?? '', /latchkey\.test/)
    t.is(await statusOf(email), undefined)
  })

  test('of a refused test mail the code is said, and none of the words', async t => {
    await mails.answer(Object.assign(new Error('canary'), { responseCode: 554 }))
    const { code, json, out, err } = await emails('test', anEmail())
    await mails.answer(null)
    t.is(code, 1)
    t.is(json.error.fault, 'SMTP 554')
    t.notRegex(out + err, /canary/)
  })

  test('a mail server that is not there is named by the fault', async t => {
    const { code, json } = await runCommand({ ...env, SMTP_URL: 'smtp://127.0.0.1:1' }, [
      ...['emails', 'test', anEmail(), '--json'],
    ])
    t.is(code, 1)
    t.regex(json.error.fault, /^E[A-Z]+$/)
  })

  test('keys are listed as they are published, without a secret', async t => {
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
    using _ = await leaveDevEnv(state, env)
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
    const words = ['users', 'create', email, '--verified']
    t.is((await spawnCommand(env, words, { input: `${odd}\r\n` })).code, 0)
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

  test('a dry run says what an import does, and writes nothing', async t => {
    const [newcomer, other, known] = [anEmail(), anEmail(), anEmail()]
    t.true((await client.post('register', { email: known, password })).status < 300)
    const path = await fileOf('mixed.jsonl', [
      { email: newcomer, password_hash: await hash(password, 4), email_verified: true },
      { email: known },
      { email: 'canary-address', full_name: 'Ada' },
      '{"email": ',
      { email: other, roles: ['user'] },
    ])
    const run = (...more: string[]) => runCommand(env, ['users', 'import', path, '--json', ...more])

    const dry = await run('--dry-run')
    t.is(await countOf([newcomer, other]), 0)
    t.like(dry.json, { imported: 2, existing: 1, dry_run: true })
    t.deepEqual(
      dry.json.refused.map(({ line }: { line: number }) => line),
      [3, 4],
    )
    t.is(dry.code, 1, 'a refused line is told by the exit code')
    t.false((dry.out + dry.err).includes('canary'))

    const wet = await run()
    t.like(wet.json, { imported: 2, existing: 1, dry_run: false, refused: dry.json.refused })
    t.is(await countOf([newcomer, other]), 2)
    t.is((await client.post('login', { email: newcomer, password })).status, 200)

    t.like((await run()).json, { imported: 0, existing: 3 })
  })

  test('a file without a fault ends with 0, and shows no progress where there is no terminal', async t => {
    const path = await fileOf('good.jsonl', [{ email: anEmail() }])
    const { code, out, err } = await runCommand(env, ['users', 'import', path])
    t.is(code, 0)
    t.is(out, '1 were imported, 0 had an account, 0 refused.\n')
    t.is(err, '')
  })

  test('a file with one line of 600 MB → that line is refused by its number, the next is imported', async t => {
    const path = join(folder, 'long.jsonl')
    await writeFile(path, '')
    // A hole: it takes no space on the disk, and is read as 600 MB of zeros.
    await truncate(path, 600_000_000)
    await appendFile(path, `\n${JSON.stringify({ email: anEmail() })}\n`)
    const { code, out, err } = await runCommand(env, ['users', 'import', path])
    t.is(code, 1, err)
    t.regex(out + err, /^line 1: the line is longer than 65536 bytes$/m)
    t.regex(out + err, /1 were imported, 0 had an account, 1 refused\./)
  })

  test('a file that is not there is refused', async t => {
    const { code, err } = await runCommand(env, ['users', 'import', join(folder, 'none.jsonl')])
    t.is(code, 1)
    t.regex(err, /ENOENT/)
  })

  test('a folder is refused', async t => {
    const { code } = await runCommand(env, ['users', 'import', folder])
    t.is(code, 1)
  })
}

{
  const world = lastAdminWorld
  const { client, env, sql } = world
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
}
