import test from 'ava'
import { addEmailJobs } from '../../../src/platform/mail/queue.ts'
import { anEmail, tokenOf } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'
import { readPostgres, readRedis } from './stored-data.ts'

// Runs an account with known secrets through its life cycle, then reads all of Postgres, Redis and the log, as an attacker
// with a backup would: once while tokens and sessions are valid, and once after they ended.

const world = await openLocalWorld({ worker: true, env: { RATE_LIMITS: '' } })
test.after.always(() => world[Symbol.asyncDispose]())

const canary = {
  password: 'Canary-9-xylophone-KQ7w',
  wrong: 'Canary-8-marimba-ZP4t',
  name: 'Canaria Xylophone',
  phone: '+4915112345678',
}

const secretOf = (token: string): string[] => {
  const bytes = Buffer.from(token.slice(4), 'base64url')
  // A refresh token ends with secret and tag, a mailed one with the secret.
  const secret = token.startsWith('lkr_') ? bytes.subarray(32, 64) : bytes.subarray(16)
  return [
    token,
    token.slice(4),
    secret.toString('base64url'),
    secret.toString('hex'),
    secret.toString('base64'),
  ]
}
const signatureOf = (access: string): string[] => [access, access.split('.')[2] ?? access]

/** Whether any nested value is the code, or contains it as a separate word. */
const holdsCode = (value: unknown, code: string): boolean =>
  typeof value === 'object' && value !== null
    ? Object.values(value).some(each => holdsCode(each, code))
    : String(value) === code ||
      (typeof value === 'string' &&
        !/^[\d.:TZ+-]+$/.test(value) &&
        new RegExp(`(?<![\\w.-])${code}(?![\\w.-])`).test(value))

const untilNoEmailQueued = () =>
  until('no email is queued', async () => {
    const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
    return queued.length === 0
  })

const runLifeCycle = async () => {
  const { client, clock } = world
  const email = anEmail()
  const { full_name, phone } = { full_name: canary.name, phone: canary.phone }
  const registered = await client.post('register', { email, password: canary.password, full_name, phone })
  const { access_token, refresh_token } = registered.body
  const first = await world.mails.to(email)
  await client.post('login', { email, password: canary.wrong })
  await client.post('login', { email: anEmail(), password: canary.wrong })
  const login = await client.post('login', { email, password: canary.password })
  const rotated = await client.post('refresh', { refresh_token })
  await client.post('refresh', { refresh_token: `${refresh_token.slice(0, -1)}_` })
  await client.post('verify-email', { email, code: '000000' === first.code ? '000001' : '000000' })
  await client.get(`verify-email?token=${tokenOf(first.link)}`)
  await client.get('me', { token: access_token })
  await client.get('me', { token: `${access_token}x` })
  await client.get('me', { headers: { authorization: `Basic ${canary.wrong}` } })
  await client.post('resend-verification', { email })
  const second = await world.mails.to(email, 2)
  await untilNoEmailQueued()

  const tokens = [refresh_token, rotated.body.refresh_token, login.body.refresh_token]
  const mailed = [first, second]
  const accesses = [access_token, rotated.body.access_token, login.body.access_token]
  const end = async () => {
    await client.post('verify-email', { token: tokenOf(second.link) })
    await client.post('verify-email', { token: tokenOf(second.link) })
    clock.shift += 11_000
    const reused = await client.post('refresh', { refresh_token })
    await client.post('logout', { refresh_token: login.body.refresh_token })
    await world.mails.to(email, 4)
    await untilNoEmailQueued()
    return reused.status
  }
  return { email, tokens, accesses, mailed, end }
}

type LifeCycle = Awaited<ReturnType<typeof runLifeCycle>>
const secretsOf = ({ tokens, accesses, mailed }: LifeCycle): string[] => [
  canary.password,
  canary.wrong,
  ...tokens.flatMap(secretOf),
  ...accesses.flatMap(signatureOf),
  ...mailed.flatMap(({ link }) => secretOf(tokenOf(link))),
  world.env.APP_SECRET ?? '',
]

test.serial('Postgres, Redis and logs → no password, token or code, valid or expired', async t => {
  const account = await runLifeCycle()
  const secrets = secretsOf(account)
  for (const secret of secrets) t.true(secret.length >= 20, 'the secrets are too long for a match by chance')
  for (const { code } of account.mailed) t.regex(code, /^(?:\d{6}|\d{8})$/)

  const expectNoSecret = async (when: string) => {
    const [rows, keys] = [await readPostgres(world), await readRedis(world)]
    t.true(
      rows.some(({ table, row }) => table === 'users' && row.email === account.email),
      'the tables were read',
    )
    t.true(
      keys.some(({ key }) => key.includes(':session:')),
      'Redis was read',
    )
    t.true(world.logs.length > 10, 'the log was read')
    const stores = {
      Postgres: JSON.stringify(rows),
      Redis: JSON.stringify(keys),
      'the log': world.logs.join(''),
    }
    for (const [store, text] of Object.entries(stores))
      for (const secret of secrets)
        t.false(text.includes(secret), `${store} holds ${secret.slice(0, 6)}… ${when}`)
    const lines = world.logs.map(line => JSON.parse(line))
    for (const { code } of account.mailed)
      for (const store of [rows, keys, lines]) t.false(holdsCode(store, code), `a code is at rest ${when}`)
  }
  const tokens = (await readRedis(world)).filter(({ key }) => key.includes(':proof:'))
  t.is(tokens.length, 1, 'the mailed token is still valid')
  await expectNoSecret('while it is valid')
  t.is(await account.end(), 401)
  await expectNoSecret('afterwards')
})

test.serial('addresses and names → stored in the tables users and emails, and nowhere else', async t => {
  const account = await runLifeCycle()
  // A waiting job.
  const [mail] = await world.sql<{ id: string }>('SELECT id FROM emails LIMIT 1')
  await world.deps.queue.open().pause()
  await addEmailJobs(world.deps.queue, [mail?.id ?? ''])
  const personal = [account.email, account.email.split('@')[0] ?? '', canary.name, canary.phone]
  for (const { table, row } of await readPostgres(world))
    if (table !== 'users' && table !== 'emails')
      for (const secret of personal) t.false(JSON.stringify(row).includes(secret), `${table} holds ${secret}`)
  const known = (await world.sql<{ email: string }>('SELECT email FROM users')).map(({ email }) => email)
  const keys = await readRedis(world)
  t.true(
    keys.some(({ key }) => key.endsWith(`:mail:${mail?.id}`)),
    'the job was read',
  )
  for (const { key, value } of keys) {
    // The only exception: a one-time token holds the address that it verifies.
    const { address, ...rest } = (key.includes(':proof:') ? value : {}) as Record<string, unknown>
    const text = key + JSON.stringify(key.includes(':proof:') ? rest : value)
    for (const secret of personal) t.false(text.includes(secret), `${key} holds ${secret}`)
    if (address !== undefined) t.true(known.includes(String(address)))
  }
  await world.deps.queue.open().resume()
  for (const secret of personal)
    t.false(
      world.logs.some(line => line.includes(secret)),
      `the log holds ${secret}`,
    )
  t.is(await account.end(), 401)
  for (const secret of personal) t.false(world.logs.some(line => line.includes(secret)))
})
