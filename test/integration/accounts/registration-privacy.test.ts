import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { anEmail, password } from '../../fixtures.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { nonAsciiVariants } from './email-variants.ts'

// Registration with REGISTRATION_PRIVACY=on: the reply does not reveal whether an address has an account.

const test = anyTest.serial

const world = await openWorld({ worker: true, env: { REGISTRATION_PRIVACY: 'on' } })
const other = await world.instance()
const raceWorld = await openWorld({
  worker: true,
  env: { REGISTRATION_PRIVACY: 'true' },
})
const raceOther = await raceWorld.instance()
await openPools(raceWorld, raceOther)
anyTest.after.always(async () => {
  for (const each of [world, raceWorld]) await each[Symbol.asyncDispose]()
})

{
  // Only the owner of the mailbox learns from a registration whether the address already has an account.

  const clients = [world.client, other.client]

  const register = (email: string, given: Record<string, unknown> = {}, client = world.client) =>
    client.post('register', { email, password, ...given })
  const login = (email: string, tried = password, client = world.client) =>
    client.post('login', { email, password: tried })
  const rowOf = async (email: string) =>
    (await world.sql<{ id: string }>('SELECT * FROM users WHERE email = $1', [email]))[0]
  const mailsTo = (email: string) =>
    world.sql<{ kind: string; status: string }>(
      'SELECT kind, status FROM emails WHERE recipient = $1 ORDER BY id',
      [email],
    )
  const settled = () =>
    until('no email is queued', async () => {
      const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
      return queued.length === 0
    })

  /** A reply without its request id and its date. */
  const comparable = ({ status, headers, text, body }: Reply) => {
    const fixed = [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id')
    return { status, fixed, text: text.replace(body?.request_id, '') }
  }

  const aTakenEmail = async (change = 'is_active = true', given: Record<string, unknown> = {}) => {
    const email = anEmail()
    await register(email, given)
    await world.mails.to(email)
    await world.sql(`UPDATE users SET ${change} WHERE email = $1`, [email])
    return email
  }

  const states: [what: string, change: string][] = [
    ['an unverified account', 'email_verified = false'],
    ['a verified account', 'email_verified = true'],
    ['a deactivated account', 'is_active = false'],
    ['an account that waits to be erased', `erase_after = now() + interval '1 day'`],
    ['an account without a password', 'password_hash = NULL'],
  ]
  for (const [what, change] of states)
    test(`registration with the address of ${what} → the same bytes as for a new address`, async t => {
      const taken = await aTakenEmail(change)
      const fresh = comparable(await register(anEmail()))
      t.is(fresh.status, 202)
      t.is(fresh.text, '{}')
      const profile = { full_name: 'Eve', phone: '+442071234567', preferred_language: 'es' }
      for (const given of [{}, profile, { token_transport: 'cookie' }, { password: 'another horse 10' }])
        for (const email of [anEmail(), taken]) t.deepEqual(comparable(await register(email, given)), fresh)
    })

  const spellings: [what: string, of: (email: string) => string][] = [
    ['in capitals', email => email.toUpperCase()],
    ['with spaces around', email => ` ${email} `],
    ['with a composed letter', email => email.replace('example.com', 'b\u00FCcher.example')],
    ['with a letter in two parts', email => email.replace('example.com', 'bu\u0308cher.example')],
    ['with a domain in ASCII', email => email.replace('example.com', 'XN--bcher-kva.example')],
  ]
  test('registration of a taken address in any spelling → the same reply, and the owner is mailed', async t => {
    const plain = anEmail()
    const foreign = anEmail()
    const stored = foreign.replace('example.com', 'xn--bcher-kva.example')
    const fresh = comparable(await register(plain))
    t.deepEqual(comparable(await register(stored)), fresh)
    for (const [what, of] of spellings) {
      const base = of(plain).trim().toLowerCase() === plain ? plain : foreign
      t.deepEqual(comparable(await register(of(base))), fresh, what)
    }
    await settled()
    const count = (email: string) => mailsTo(email).then(mails => mails.map(({ kind }) => kind))
    t.deepEqual(await count(plain), ['verify_email', 'reset_password', 'account_exists'])
    t.deepEqual(await count(stored), ['verify_email', 'reset_password', ...Array(2).fill('account_exists')])
  })

  test('registration of a new and of a taken address → one event and one email each', async t => {
    const taken = await aTakenEmail()
    const count = async () => {
      const [row] = await world.sql<{ events: number; mails: number }>(
        `SELECT (SELECT count(*)::int FROM audit_events) AS events, (SELECT count(*)::int FROM emails) AS mails`,
      )
      return row ?? { events: 0, mails: 0 }
    }
    for (const email of [anEmail(), taken]) {
      const before = await count()
      await register(email)
      t.deepEqual(await count(), { events: before.events + 1, mails: before.mails + 1 })
    }
  })

  test('a new address gets a code; the owner of a taken one gets a notice without input of the client', async t => {
    const fresh = anEmail()
    await register(fresh)
    const verifying = await world.mails.to(fresh)
    t.regex(verifying.code, /^\d{6}$/)

    const taken = await aTakenEmail('email_verified = true', {
      full_name: 'Ada Lovelace',
      preferred_language: 'es',
    })
    await register(taken, {
      full_name: 'Evil Attacker',
      preferred_language: 'ar',
      password: 'another horse 10',
    })
    const notice = await world.mails.to(taken, 2)
    await settled()
    t.deepEqual(await mailsTo(taken), [
      { kind: 'verify_email', status: 'sent' },
      { kind: 'account_exists', status: 'sent' },
    ])
    t.deepEqual(notice.to, [taken])
    t.regex(notice.mail.html ?? '', /<html lang="es"/)
    t.true(notice.mail.text?.includes('Ada Lovelace'))
    t.is(notice.code, '')
    t.is(notice.link, '', 'the notice has no link')
    for (const word of ['Evil', 'Attacker', 'another horse']) t.false(notice.raw.includes(word))
  })

  test('registration with the address of a deactivated or deleted account → the notice is dropped', async t => {
    for (const change of ['is_active = false', `erase_after = now() + interval '1 day'`]) {
      const taken = await aTakenEmail(`email_verified = true, ${change}`)
      await register(taken)
      await settled()
      t.deepEqual((await mailsTo(taken)).at(-1), { kind: 'account_exists', status: 'dropped' })
    }
  })

  test('registration of a taken address → the account, its password and its sessions are unchanged', async t => {
    const taken = await aTakenEmail('email_verified = true', { full_name: 'Ada Lovelace' })
    const { body: session } = await login(taken)
    const before = await rowOf(taken)
    const attacker = { password: 'another horse 10', full_name: 'Eve', preferred_language: 'es' }
    await register(taken, attacker)
    await register(taken.toUpperCase(), attacker)
    t.deepEqual(await rowOf(taken), before)
    t.is((await login(taken, attacker.password)).body.code, 'INVALID_CREDENTIALS')
    for (const client of clients)
      t.is((await client.get('me', { token: session.access_token })).body.full_name, 'Ada Lovelace')
    t.is((await world.client.post('refresh', { refresh_token: session.refresh_token })).status, 200)
    t.is((await login(taken)).status, 200)
  })

  test('registration followed by a login → the same replies for a new and for a taken address', async t => {
    const [fresh, taken] = [
      anEmail(),
      await aTakenEmail('email_verified = true', { password: 'another horse 10' }),
    ]
    for (const email of [fresh, taken]) t.is((await register(email)).status, 202)
    t.deepEqual(comparable(await login(fresh)), comparable(await login(taken)))
    const { code } = await world.mails.to(fresh)
    t.is((await world.client.post('verify-email', { email: fresh, code })).status, 200)
    t.is((await login(fresh)).status, 200, 'the emailed code verifies the address')
  })

  test('two clients register an address before it is verified → neither password works until a reset', async t => {
    const email = anEmail()
    await register(email, { password: 'a squatter 4 phrase' })
    await world.mails.to(email)
    await register(email)
    const { token } = Object.fromEntries(new URL((await world.mails.to(email, 2)).link).searchParams)
    await world.sql('UPDATE users SET email_verified = true WHERE email = $1', [email])
    for (const word of ['a squatter 4 phrase', password])
      t.is((await login(email, word)).body.code, 'INVALID_CREDENTIALS')
    t.is((await world.client.post('reset-password', { token, new_password: 'her own 5 phrase' })).status, 204)
    t.is((await login(email, 'her own 5 phrase')).status, 200)
    await register(email, { password: 'a squatter 4 phrase' })
    t.is((await login(email, 'her own 5 phrase')).status, 200, 'a verified account is unchanged')
  })

  test('five registrations of a taken address in a day → three notices are sent, two are dropped', async t => {
    const taken = await aTakenEmail('email_verified = true')
    for (let i = 0; i < 5; i++) {
      await register(taken)
      await settled()
    }
    const notices = (await mailsTo(taken)).filter(({ kind }) => kind === 'account_exists')
    t.deepEqual(
      notices.map(({ status }) => status),
      ['sent', 'sent', 'sent', 'dropped', 'dropped'],
    )
  })

  test('notices with larger ids, of an instance with a fast clock → count toward the daily limit', async t => {
    const taken = await aTakenEmail('email_verified = true')
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, locale, status)
     SELECT ('ffffffff-ffff-7fff-8fff-' || substr(md5($1 || n), 1, 12))::uuid, 'account_exists', $1, 'en', 'sent'
       FROM generate_series(1, 3) AS n`,
      [taken],
    )
    await register(taken)
    await settled()
    const notices = (await mailsTo(taken)).filter(({ kind }) => kind === 'account_exists')
    t.deepEqual(notices.map(({ status }) => status).sort(), ['dropped', 'sent', 'sent', 'sent'])
  })

  test('registration of a new address → no cookie and no session', async t => {
    const email = anEmail()
    const reply = await register(email, { token_transport: 'cookie' })
    t.is(reply.headers.get('set-cookie'), null)
    const { id = '' } = (await rowOf(email)) ?? {}
    t.is(await world.redis.zcard(world.keys.sessions(id)), 0)
  })

  test('50 simultaneous registrations of one new address → one account, 50 equal replies, no password works', async t => {
    const email = anEmail()
    const forms = [email, email.toUpperCase(), ` ${email}`]
    const fresh = comparable(await register(anEmail()))
    const words = Array.from({ length: 50 }, (_, i) => `horse number ${i}`)
    const replies = await Promise.all(
      words.map((word, i) => register(forms[i % 3] ?? email, { password: word }, clients[i % 2])),
    )
    for (const reply of replies) t.deepEqual(comparable(reply), fresh)
    t.is((await world.sql('SELECT 1 FROM users WHERE email = $1', [email])).length, 1)
    const kinds = (await mailsTo(email)).map(({ kind }) => kind).sort()
    t.deepEqual(kinds, [...Array(48).fill('account_exists'), 'reset_password', 'verify_email'])
    await world.sql('UPDATE users SET email_verified = true WHERE email = $1', [email])
    const logins = await Promise.all(words.map((word, i) => login(email, word, clients[i % 2])))
    t.is(logins.filter(({ status }) => status === 200).length, 0, 'no password is known to be of the owner')
  })

  test('an attacker registers the address of an unverified administrator → the password is unchanged', async t => {
    const taken = await aTakenEmail(`roles = '{user,admin}'`)
    const before = await rowOf(taken)
    const fresh = comparable(await register(anEmail()))
    t.deepEqual(comparable(await register(taken, { password: 'another horse 10' })), fresh)
    t.deepEqual(await rowOf(taken), before)
    const kinds = (await mailsTo(taken)).map(({ kind }) => kind)
    t.deepEqual(kinds, ['verify_email', 'account_exists'])
  })

  const refused: Record<string, unknown>[] = [
    { password: 'short1' },
    { password: 'password1' },
    { password: 'no digit here' },
    { full_name: 'agent zigzag 7', password: 'Agent Zigzag 7' },
    { phone: 'none' },
    { roles: ['admin'] },
  ]
  test('invalid registration → the same 400 for a new and a taken address, and no row is written', async t => {
    const taken = await aTakenEmail()
    await settled()
    const count = async () =>
      (await world.sql('SELECT id FROM users UNION SELECT id FROM emails UNION SELECT id FROM audit_events'))
        .length
    const before = await count()
    for (const given of refused) {
      const fresh = await register(anEmail(), given)
      t.is(fresh.status, 400)
      t.deepEqual(comparable(await register(taken, given)), comparable(fresh))
    }
    t.is(await count(), before)
  })
}

{
  const world = raceWorld
  const other = raceOther
  // The same promises under concurrent registrations at two instances.

  const { client, sql, mails } = world
  const urls = [world.url, other.url]
  const usersAt = (email: string) =>
    sql<{ password_hash: string | null }>('SELECT * FROM users WHERE email = $1', [email])
  const mailsTo = (email: string) =>
    sql<{ kind: string; status: string }>('SELECT kind, status FROM emails WHERE recipient = $1', [email])
  // The mail server of the tests reports recipients in Unicode.
  const inUnicode = (email: string) => email.replace('xn--bcher-kva', 'bücher')
  const settled = (email: string) =>
    until('no email is queued', async () => {
      const rows = await mailsTo(email)
      return rows.every(({ status }) => status !== 'queued') && rows
    })

  test('50 simultaneous registrations in several spellings → one account, equal replies, three notices', async t => {
    for (let round = 0; round < 3; round++) {
      const { canonicalEmail, variants } = nonAsciiVariants()
      const passwords = Array.from({ length: 50 }, (_, i) => `a phrase of number ${i}`)
      const replies = await sendSimultaneously(
        urls,
        passwords.map((password, i) => ({
          path: 'register',
          body: { email: variants[i % variants.length], password },
        })),
      )
      t.deepEqual(statusesOf(replies), { 202: 50 })
      t.deepEqual([...new Set(replies.map(({ text }) => text))], ['{}'])
      const users = await usersAt(canonicalEmail)
      t.is(users.length, 1)
      t.is(users[0]?.password_hash, null, 'no password of several clients is kept')

      const rows = await settled(canonicalEmail)
      const kinds = Object.groupBy(rows, ({ kind }) => kind)
      t.is(kinds.verify_email?.length, 1)
      t.is(kinds.reset_password?.length, 1)
      // At most three notices per day, however many registrations cause them.
      t.is(kinds.account_exists?.filter(({ status }) => status === 'sent').length, 3)
      t.is((await mails.sentTo(inUnicode(canonicalEmail))).length, 5)
      for (const password of passwords.slice(0, 3))
        t.is((await client.post('login', { email: canonicalEmail, password })).status, 401)
    }
  })

  test('50 simultaneous registrations of a verified address → the account is unchanged, three notices', async t => {
    const { canonicalEmail, variants } = nonAsciiVariants()
    await client.post('register', { email: canonicalEmail, password })
    const { code } = await mails.to(inUnicode(canonicalEmail))
    t.is((await client.post('verify-email', { email: canonicalEmail, code })).status, 200)
    const before = await usersAt(canonicalEmail)
    const requests = times(50, i => ({
      path: 'register',
      body: { email: variants[i % variants.length], password: 'another horse 9' },
    }))
    const replies = await sendSimultaneously(urls, requests)
    t.deepEqual(statusesOf(replies), { 202: 50 })
    t.deepEqual(await usersAt(canonicalEmail), before)
    t.is((await client.post('login', { email: canonicalEmail, password })).status, 200)
    const rows = await settled(canonicalEmail)
    t.is(rows.filter(({ kind, status }) => kind === 'account_exists' && status === 'sent').length, 3)
  })
}
