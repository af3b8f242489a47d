import { domainToUnicode } from 'node:url'
import test from 'ava'
import { anEmail, password, tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const register = (body: Record<string, unknown>) => world.client.post('register', { password, ...body })
const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

test('a new account gets a session and is shown as it is', async t => {
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

test('both tokens of the reply work at once', async t => {
  const { body } = await register({ email: anEmail() })
  const me = await world.client.get('me', { token: body.access_token })
  t.is(me.status, 200)
  t.deepEqual(me.body, body.user)
  t.is((await world.client.post('refresh', { refresh_token: body.refresh_token })).status, 200)
})

const unusual: [given: (email: string) => string, canonical: (email: string) => string][] = [
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

for (const [given, canonical] of unusual)
  test(`an address such as ${given('a@example.com')} is good from the registration to the link in the mail`, async t => {
    const email = anEmail()
    const expected = canonical(email)
    const { status, body } = await register({ email: given(email) })
    t.is(status, 201)
    t.is(body.user.email, expected)
    t.is((await world.sql('SELECT 1 FROM users WHERE email = $1', [expected])).length, 1)
    const again = await world.client.post('login', { email: given(email), password })
    t.is(again.body.user.email, expected)
    t.is((await world.client.get('me', { token: again.body.access_token })).body.email, expected)

    // The sink writes the envelope in Unicode, whatever came over the wire.
    const { mail, link } = await world.mails.to(expected.replace(/[^@]+$/, domainToUnicode))
    t.deepEqual(
      mail.to?.map(({ address }) => address),
      [expected],
    )
    const verified = await world.client.post('verify-email', { token: tokenOf(link) })
    t.deepEqual(verified.body, { email: expected, email_verified: true })
  })

test('the profile is kept in the form that each field has', async t => {
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

test('a profile field that is null is as good as one that is not there', async t => {
  const nothing = { full_name: null, phone: null, address: null, preferred_language: null }
  const { status, body } = await register({ email: anEmail(), ...nothing })
  t.is(status, 201)
  for (const name of Object.keys(nothing)) t.is(body.user[name], null)
})

test('a password is stored as a bcrypt hash alone, and never shown', async t => {
  const email = anEmail()
  const { text } = await register({ email })
  t.false(text.includes(password))
  t.notRegex(text, /hash|\$2b\$|epoch/)
  const [row] = await world.sql<{ password_hash: string }>(
    'SELECT password_hash FROM users WHERE email = $1',
    [email],
  )
  t.regex(row?.password_hash ?? '', /^\$2b\$04\$.{53}$/)
})
