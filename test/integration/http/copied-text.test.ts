import anyTest from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// Codes, tokens, phones and names as people copy them out of an email or type them on a keyboard of another script.

const test = anyTest.serial

const world = await openWorld({ worker: true })
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client } = world

const arabic = (text: string): string =>
  text.replace(/\d/g, digit => String.fromCharCode(0x660 + Number(digit)))
const wide = (text: string): string =>
  text.replace(/\d/g, digit => String.fromCharCode(0xff10 + Number(digit)))
const split = (text: string, by: string): string =>
  text.slice(0, text.length / 2) + by + text.slice(text.length / 2)

const spellings: [what: string, spell: (code: string) => string][] = [
  ['a space', code => split(code, ' ')],
  ['a hyphen', code => split(code, '-')],
  ['a no-break space', code => split(code, '\u00A0')],
  ['a line break', code => `${split(code, '\r\n')}\n`],
  ['a zero-width space', code => split(code, '\u200B')],
  ['marks of direction', code => `\u202B\u200F${code}\u202C`],
  ['full-width digits', wide],
  ['Arabic-Indic digits', code => `\u200F${split(arabic(code), ' ')}`],
]

for (const [what, spell] of spellings)
  test(`a mailed code with ${what} → taken wherever a code is taken`, async t => {
    const { email, access } = await anAccount(client)
    const mailed = await world.mails.to(email)
    const verified = await client.post('verify-email', {
      email: `\u200E${email} `,
      code: spell(mailed.code),
    })
    t.is(verified.status, 200)

    t.is((await client.post('forgot-password', { email: `${email}\u200F` })).status, 202)
    const reset = await world.mails.to(email, 1, 'reset-password')
    const proof = { email, code: spell(reset.code) }
    t.is((await client.post('verify-reset-token', proof)).status, 200)

    const moved = anEmail()
    const move = { current_password: password, new_email: `\u202A${moved}\u202C` }
    t.is((await client.post('change-email', move, { token: access })).status, 202)
    const confirmed = await world.mails.to(moved)
    const done = await client.post('confirm-email', { email: moved, code: spell(confirmed.code) })
    t.like(done, { status: 200, body: { email: moved } })
  })

test('a code as a number → 400, for a number loses the zeros in front', async t => {
  const { email } = await anAccount(client)
  const { status, body } = await client.post('verify-email', { email, code: 117810 })
  t.is(status, 400)
  t.deepEqual(body.errors, [{ path: 'code', rule: 'string', message: 'This must be a string.' }])
})

test('a wrong code with spaces → counted as a guess like any other', async t => {
  const { email } = await anAccount(client)
  const { code } = await world.mails.to(email)
  const wrong = code === '000000' ? '000 001' : '000 000'
  for (let i = 0; i < 5; i++) t.is((await client.post('verify-email', { email, code: wrong })).status, 401)
  t.is((await client.post('verify-email', { email, code })).status, 401, 'the guesses are used up')
})

const mangled: [what: string, mangle: (token: string) => string][] = [
  ['a line break in it', token => `${split(token, '\r\n')}\n`],
  ['spaces around it', token => `  ${token}\u00A0`],
  ['a full stop after it', token => `${token}.`],
  ['angle brackets around it', token => `<${token}>`],
  ['marks of direction around it', token => `\u2066${token}\u2069`],
  ['percent escapes in it', token => token.replaceAll('_', '%5F').replaceAll('-', '%2D')],
]
for (const [what, mangle] of mangled)
  test(`a mailed token with ${what} → taken by the API and by the page`, async t => {
    const { email } = await anAccount(client)
    const token = tokenOf((await world.mails.to(email)).link)
    const page = await client.get(`verify-email?token=${encodeURIComponent(mangle(token))}`)
    t.true(page.text.includes(`value="${token}"`))
    t.is((await client.post('verify-email', { token: mangle(token) })).status, 200)
  })

test('a token that lacks a letter or has another one → 401', async t => {
  const { email } = await anAccount(client)
  const token = tokenOf((await world.mails.to(email)).link)
  for (const wrong of [
    token.slice(0, -1),
    `${token}A`,
    `A${token}`,
    token.replace('lkp_', 'lkp '),
    token.replace('_', '.'),
  ])
    t.is((await client.post('verify-email', { token: wrong })).status, 401, wrong)
  t.is((await client.post('verify-email', { token })).status, 200)
})

test('a phone number out of an address book → kept in ASCII', async t => {
  const { access } = await anAccount(client)
  const patch = (phone: string) => client.patch('me', { phone }, { token: access })
  t.is((await patch('\u202A+44\u00A020 7946\u20110958\u202C')).body.phone, '+442079460958')
  t.is((await patch(`＋${wide('442079460958')}`)).body.phone, '+442079460958')
  t.is((await patch(arabic('0207 946 0958'))).body.phone, '0207 946 0958')
  t.is((await patch('①②③④⑤⑥⑦⑧⑨⓪')).status, 400)
})

test('a name or address with nothing to see → 400; one with joiners → kept', async t => {
  const { access } = await anAccount(client)
  for (const field of ['full_name', 'address'])
    for (const text of [
      '\u200B',
      '\u3164',
      '\u2800',
      '\u00AD',
      '\u115F \u1160',
      '\uFFA0',
      '\u180E',
      '\u{E0041}',
      '\uFE0F',
      '\u0301',
    ]) {
      const { status, body } = await client.patch('me', { [field]: text }, { token: access })
      t.is(status, 400, JSON.stringify(text))
      t.like(body.errors, [{ path: field, rule: 'text' }])
      const registered = await client.post('register', { email: anEmail(), password, [field]: text })
      t.is(registered.status, 400)
    }
  for (const full_name of ['علی\u200Cرضا', '👩\u200D💻', 'Ann ❤\uFE0F']) {
    const { status, body } = await client.patch('me', { full_name }, { token: access })
    t.deepEqual([status, body.full_name], [200, full_name])
  }
})

test('a language as phones and POSIX systems write it → kept as a tag of BCP 47', async t => {
  const { access } = await anAccount(client)
  const { body } = await client.patch('me', { preferred_language: 'es_gt' }, { token: access })
  t.is(body.preferred_language, 'es-GT')
})

test('a password → never trimmed, and no digit of it is changed', async t => {
  const email = anEmail()
  const odd = ` ${arabic('117 810')} horse\u200B `
  t.is((await client.post('register', { email, password: odd })).status, 201)
  t.is((await client.post('login', { email, password: odd })).status, 200)
  for (const other of [odd.trim(), ` 117 810 horse\u200B `, odd.replace('\u200B', '')])
    t.is((await client.post('login', { email, password: other })).status, 401)
})
