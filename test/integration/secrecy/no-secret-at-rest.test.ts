import test from 'ava'
import { addMails } from '../../../src/platform/mail/queue.ts'
import { anEmail, tokenOf } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'
import { readPostgres, readRedis } from './stored-data.ts'

// One life of an account, with marked secrets; then everything that Postgres, Redis and the log hold is read, as a
// thief of a backup would. Twice: with everything still open, and after it.

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

/** Whether a value anywhere in there is the code, and nothing but the code. */
const holdsCode = (value: unknown, code: string): boolean =>
  typeof value === 'object' && value !== null
    ? Object.values(value).some(each => holdsCode(each, code))
    : String(value) === code ||
      (typeof value === 'string' &&
        !/^[\d.:TZ+-]+$/.test(value) &&
        new RegExp(`(?<![\\w.-])${code}(?![\\w.-])`).test(value))

const settled = () =>
  until('every mail to be settled', async () => {
    const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
    return queued.length === 0
  })

const aLife = async () => {
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
  await settled()

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
    await settled()
    return reused.status
  }
  return { email, tokens, accesses, mailed, end }
}

type Life = Awaited<ReturnType<typeof aLife>>
const needlesOf = ({ tokens, accesses, mailed }: Life): string[] => [
  canary.password,
  canary.wrong,
  ...tokens.flatMap(secretOf),
  ...accesses.flatMap(signatureOf),
  ...mailed.flatMap(({ link }) => secretOf(tokenOf(link))),
  world.env.APP_SECRET ?? '',
]

test.serial('no password, token or code is at rest, while it is good and after', async t => {
  const life = await aLife()
  const needles = needlesOf(life)
  for (const needle of needles) t.true(needle.length >= 20, 'the needles are long enough to be no chance')
  for (const { code } of life.mailed) t.regex(code, /^(?:\d{6}|\d{8})$/)

  const look = async (when: string) => {
    const [rows, keys] = [await readPostgres(world), await readRedis(world)]
    t.true(
      rows.some(({ table, row }) => table === 'users' && row.email === life.email),
      'the tables were read',
    )
    t.true(
      keys.some(({ key }) => key.includes(':session:')),
      'Redis was read',
    )
    t.true(world.logs.length > 10, 'the log was read')
    const places = {
      Postgres: JSON.stringify(rows),
      Redis: JSON.stringify(keys),
      'the log': world.logs.join(''),
    }
    for (const [place, text] of Object.entries(places))
      for (const needle of needles)
        t.false(text.includes(needle), `${place} holds ${needle.slice(0, 6)}… ${when}`)
    const lines = world.logs.map(line => JSON.parse(line))
    for (const { code } of life.mailed)
      for (const place of [rows, keys, lines]) t.false(holdsCode(place, code), `a code is at rest ${when}`)
  }
  const proofs = (await readRedis(world)).filter(({ key }) => key.includes(':proof:'))
  t.is(proofs.length, 1, 'the mailed proof is still good')
  await look('while it is good')
  t.is(await life.end(), 401)
  await look('afterwards')
})

test.serial('addresses and names are in the tables of accounts and mails, and nowhere else', async t => {
  const life = await aLife()
  // A job as it waits.
  const [mail] = await world.sql<{ id: string }>('SELECT id FROM emails LIMIT 1')
  await world.deps.queue.pause()
  await addMails(world.deps.queue, [mail?.id ?? ''])
  const personal = [life.email, life.email.split('@')[0] ?? '', canary.name, canary.phone]
  for (const { table, row } of await readPostgres(world))
    if (table !== 'users' && table !== 'emails')
      for (const needle of personal) t.false(JSON.stringify(row).includes(needle), `${table} holds ${needle}`)
  const known = (await world.sql<{ email: string }>('SELECT email FROM users')).map(({ email }) => email)
  const keys = await readRedis(world)
  t.true(
    keys.some(({ key }) => key.endsWith(`:mail:${mail?.id}`)),
    'the job was read',
  )
  for (const { key, value } of keys) {
    // The one place: the address that a proof proves.
    const { address, ...rest } = (key.includes(':proof:') ? value : {}) as Record<string, unknown>
    const text = key + JSON.stringify(key.includes(':proof:') ? rest : value)
    for (const needle of personal) t.false(text.includes(needle), `${key} holds ${needle}`)
    if (address !== undefined) t.true(known.includes(String(address)))
  }
  await world.deps.queue.resume()
  for (const needle of personal)
    t.false(
      world.logs.some(line => line.includes(needle)),
      `the log holds ${needle}`,
    )
  t.is(await life.end(), 401)
  for (const needle of personal) t.false(world.logs.some(line => line.includes(needle)))
})
