import { domainToUnicode } from 'node:url'
import anyTest from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { openWorld } from '../../world.ts'
import { emailVariants, nonAsciiVariants } from './email-variants.ts'

// Registration: one account per address, a session in the reply, and a strong password.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  const register = (body: Record<string, unknown>) => world.client.post('register', { password, ...body })
  const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

  test('registration → 201 with tokens and the complete user', async t => {
    const email = anEmail()
    const { status, headers, body } = await register({ email })
    t.is(status, 201)
    t.is(headers.get('content-type'), 'application/json; charset=utf-8')
    t.is(headers.get('cache-control'), 'no-store')
    const { access_token, refresh_token, session_id, user, ...rest } = body
    t.deepEqual(rest, { token_type: 'Bearer', expires_in: 900, refresh_expires_in: 7 * 86_400 })
    t.regex(access_token, /^v4\.public\.[\w-]+\.[\w-]+$/)
    t.regex(refresh_token, /^lkr_[\w-]+$/)
    t.regex(session_id, uuid7)
    const { id, created_at, updated_at, ...profile } = user
    t.regex(id, uuid7)
    t.regex(created_at, instant)
    t.is(updated_at, created_at)
    t.true(Math.abs(Date.parse(created_at) - Date.now()) < 60_000)
    t.deepEqual(profile, {
      email,
      email_verified: false,
      full_name: null,
      phone: null,
      address: null,
      preferred_language: null,
      picture_url: null,
      roles: ['user'],
      is_active: true,
      mfa_enabled: false,
      last_login_at: null,
      last_password_change_at: null,
    })
  })

  test('registration → its access token and its refresh token work immediately', async t => {
    const { body } = await register({ email: anEmail() })
    const me = await world.client.get('me', { token: body.access_token })
    t.is(me.status, 200)
    t.deepEqual(me.body, body.user)
    t.is((await world.client.post('refresh', { refresh_token: body.refresh_token })).status, 200)
  })

  const unusualEmails: [given: (email: string) => string, canonical: (email: string) => string][] = [
    [email => `  ${email.toUpperCase()} `, email => email],
    [
      email => email.replace('example.com', 'BÜCHER.example'),
      at => at.replace('example.com', 'xn--bcher-kva.example'),
    ],
    [email => email.replace('.com', '.рф'), email => email.replace('.com', '.xn--p1ai')],
    [email => `o'neil+tag_${email}`, email => `o'neil+tag_${email}`],
    [email => `!#$%&*/=?^{|}~-${email}`, email => `!#$%&*/=?^{|}~-${email}`],
    [email => email.replace('example', 'a--b.1'), email => email.replace('example', 'a--b.1')],
  ]

  for (const [given, canonical] of unusualEmails)
    test(`an address such as ${given('a@example.com')} → registration, login and the link in the email work`, async t => {
      const email = anEmail()
      const expected = canonical(email)
      const { status, body } = await register({ email: given(email) })
      t.is(status, 201)
      t.is(body.user.email, expected)
      t.is((await world.sql('SELECT 1 FROM users WHERE email = $1', [expected])).length, 1)
      const again = await world.client.post('login', { email: given(email), password })
      t.is(again.body.user.email, expected)
      t.is((await world.client.get('me', { token: again.body.access_token })).body.email, expected)

      // The mail server of the tests reports recipients in Unicode, even if SMTP carried A-labels.
      const { mail, link } = await world.mails.to(expected.replace(/[^@]+$/, domainToUnicode))
      t.deepEqual(
        mail.to?.map(({ address }) => address),
        [expected],
      )
      const verified = await world.client.post('verify-email', { token: tokenOf(link) })
      t.deepEqual(verified.body, { email: expected, email_verified: true })
    })

  test('registration with profile fields → each field is stored in its normalized form', async t => {
    const given = {
      full_name: '  Amélie Poulain ',
      phone: '+33 (0) 1.23-45-67 89',
      address: '15 rue Lepic, 75018 Paris',
      preferred_language: 'PT-br',
    }
    const { status, body } = await register({ email: anEmail(), ...given })
    t.is(status, 201)
    const { full_name, phone, address, preferred_language } = body.user
    t.is(full_name, 'Amélie Poulain'.normalize('NFC'))
    t.is(phone, '+33123456789')
    t.is(address, given.address)
    t.is(preferred_language, 'pt-BR')
  })

  test('registration with null profile fields → 201, as if they were absent', async t => {
    const nothing = { full_name: null, phone: null, address: null, preferred_language: null }
    const { status, body } = await register({ email: anEmail(), ...nothing })
    t.is(status, 201)
    for (const name of Object.keys(nothing)) t.is(body.user[name], null)
  })

  test('registration → the password is stored only as a bcrypt hash, and the reply holds neither', async t => {
    const email = anEmail()
    const { text, body } = await register({ email })
    t.false(text.includes(password))
    // A random token may contain these letters.
    const known = JSON.stringify({ ...body, access_token: '', refresh_token: '' })
    t.notRegex(known, /hash|\$2b\$|epoch/)
    const [row] = await world.sql<{ password_hash: string }>(
      'SELECT password_hash FROM users WHERE email = $1',
      [email],
    )
    t.regex(row?.password_hash ?? '', /^\$2b\$04\$.{53}$/)
  })
}

{
  const count = async (table: 'users' | 'emails', column: string, value: string): Promise<number> =>
    (await world.sql(`SELECT 1 FROM ${table} WHERE ${column} = $1`, [value])).length

  test('50 simultaneous registrations of one address → one account, one email, 49 replies with 409', async t => {
    for (let round = 0; round < 3; round++) {
      const email = anEmail()
      const variants = emailVariants(email)
      const requests = times(50, i => ({
        path: 'register',
        body: { email: variants[i % variants.length], password },
      }))
      const replies = await sendSimultaneously([world.url, other.url], requests)
      t.deepEqual(statusesOf(replies), { 201: 1, 409: 49 })
      t.is(await count('users', 'email', email), 1)
      t.is(await count('emails', 'recipient', email), 1)

      const made = replies.find(({ status }) => status === 201)
      t.is((await other.client.get('me', { token: made?.body.access_token })).body.email, email)
      for (const { status, body } of replies) if (status === 409) t.is(body.code, 'USER_EXISTS')
    }
  })

  test('50 simultaneous registrations of a non-ASCII domain in several spellings → one account', async t => {
    for (let round = 0; round < 3; round++) {
      const { canonicalEmail, variants } = nonAsciiVariants()
      const requests = times(50, i => ({
        path: 'register',
        body: { email: variants[i % variants.length], password },
      }))
      const replies = await sendSimultaneously([world.url, other.url], requests)
      t.deepEqual(statusesOf(replies), { 201: 1, 409: 49 })
      t.is(await count('users', 'email', canonicalEmail), 1)
      t.is(await count('emails', 'recipient', canonicalEmail), 1)
    }
  })

  test('registration of a taken address in any spelling → 409, and the account is unchanged', async t => {
    const account = await anAccount(world.client, { full_name: 'First' })
    const [before] = await world.sql('SELECT * FROM users WHERE id = $1', [account.userId])
    for (const email of emailVariants(account.email)) {
      const reply = await world.client.post('register', {
        email,
        password: 'another horse 9',
        full_name: 'Second',
      })
      t.is(reply.status, 409)
      t.deepEqual(Object.keys(reply.body).sort(), ['code', 'request_id', 'status', 'title', 'type'])
      t.is(reply.body.code, 'USER_EXISTS')
      t.is(reply.headers.get('cache-control'), 'no-store')
      t.false(reply.text.toLowerCase().includes(account.email))
    }
    t.deepEqual((await world.sql('SELECT * FROM users WHERE id = $1', [account.userId]))[0], before)
    t.is(await count('emails', 'recipient', account.email), 1)
    t.is((await world.client.post('login', { email: account.email, password })).status, 200)
    t.is(
      (await world.client.post('login', { email: account.email, password: 'another horse 9' })).status,
      401,
    )
  })
}

{
  const weakPasswords: [rule: string, password: string, profile?: Record<string, string>][] = [
    ['too_short', 'a1b2c3d'],
    ['too_short', '😀1a😀😀😀😀'],
    ['needs_letter', '9172635480'],
    ['needs_digit', 'correct horse'],
    ['too_common', 'password1'],
    ['too_common', 'PassWord1'],
    ['same_as_email', 'margarethe.7@example.com', { email: 'margarethe.7@example.com' }],
    ['same_as_email', 'Margarethe.8', { email: 'margarethe.8@example.com' }],
    ['same_as_name', 'Agent Zigzag 7', { full_name: 'agent zigzag 7' }],
    ['same_as_name', 'agentzigzag7', { full_name: 'Agent Zigzag 7' }],
    ['password', `a1${'x'.repeat(255)}`],
    ['password', ''],
  ]

  for (const [rule, password, profile = {}] of weakPasswords)
    test(`register with password ${JSON.stringify(password.slice(0, 24))} → 400 ${rule}, not repeated`, async t => {
      const email = anEmail()
      const reply = await world.client.post('register', { email, password, ...profile })
      t.is(reply.status, 400)
      t.is(reply.body.code, 'VALIDATION_ERROR')
      t.deepEqual(
        reply.body.errors.map((error: Record<string, unknown>) => [error.path, error.rule]),
        [['password', rule]],
      )
      t.deepEqual(Object.keys(reply.body.errors[0]).sort(), ['message', 'path', 'rule'])
      if (password) t.false(reply.text.toLowerCase().includes(password.toLowerCase()))
      t.false(reply.text.includes(profile.email ?? email))
      t.is((await world.sql('SELECT 1 FROM users WHERE email = $1', [profile.email ?? email])).length, 0)
    })

  test('registration with a password in any script, with spaces or of 256 four-byte characters → 201', async t => {
    for (const password of [
      'пароль-длинный-7',
      '  two spaces 2  ',
      `1a${'😀'.repeat(254)}`,
      'password1 is but the first word of this',
    ]) {
      const email = anEmail()
      t.is((await world.client.post('register', { email, password })).status, 201, password.slice(0, 12))
      t.is((await world.client.post('login', { email, password })).status, 200)
    }
  })
}
