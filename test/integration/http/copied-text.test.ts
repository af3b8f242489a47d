import anyTest from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// Codes, tokens, phone numbers and names as users copy them from an email or type them with another keyboard.

const test = anyTest.serial

const world = await openWorld({ worker: true })
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client } = world

const arabic = (text: string): string =>
  text.replace(/\d/g, digit => String.fromCharCode(0x660 + Number(digit)))
const fullWidth = (text: string): string =>
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
  ['full-width digits', fullWidth],
  ['Arabic-Indic digits', code => `\u200F${split(arabic(code), ' ')}`],
]

for (const [what, spell] of spellings)
  test(`mailed code with ${what} → accepted by every route that takes a code`, async t => {
    const { email, access } = await anAccount(client)
    const mailed = await world.mails.to(email)
    const verified = await client.post('verify-email', {
      email: `\u200E${email} `,
      code: spell(mailed.code),
    })
    t.is(verified.status, 200)

    t.is((await client.post('forgot-password', { email: `${email}\u200F` })).status, 202)
    const reset = await world.mails.to(email, 1, 'reset-password')
    const resetCode = { email, code: spell(reset.code) }
    t.is((await client.post('verify-reset-token', resetCode)).status, 200)

    const moved = anEmail()
    const move = { current_password: password, new_email: `\u202A${moved}\u202C` }
    t.is((await client.post('change-email', move, { token: access })).status, 202)
    const confirmed = await world.mails.to(moved)
    const done = await client.post('confirm-email', { email: moved, code: spell(confirmed.code) })
    t.like(done, { status: 200, body: { email: moved } })
  })

test('code as a JSON number → 400, because a number loses leading zeros', async t => {
  const { email } = await anAccount(client)
  const { status, body } = await client.post('verify-email', { email, code: 117810 })
  t.is(status, 400)
  t.deepEqual(body.errors, [{ path: 'code', rule: 'string', message: 'This must be a string.' }])
})

test('wrong code with spaces → counts as a guess', async t => {
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
  test(`mailed token with ${what} → accepted by the API and the page`, async t => {
    const { email } = await anAccount(client)
    const token = tokenOf((await world.mails.to(email)).link)
    const page = await client.get(`verify-email?token=${encodeURIComponent(mangle(token))}`)
    t.true(page.text.includes(`value="${token}"`))
    t.is((await client.post('verify-email', { token: mangle(token) })).status, 200)
  })

test('mailed token with a missing or changed letter → 401', async t => {
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

test('phone number with foreign digits or separators → stored in ASCII', async t => {
  const { access } = await anAccount(client)
  const patch = (phone: string) => client.patch('me', { phone }, { token: access })
  t.is((await patch('\u202A+44\u00A020 7946\u20110958\u202C')).body.phone, '+442079460958')
  t.is((await patch(`＋${fullWidth('442079460958')}`)).body.phone, '+442079460958')
  t.is((await patch(arabic('0207 946 0958'))).body.phone, '0207 946 0958')
  t.is((await patch('①②③④⑤⑥⑦⑧⑨⓪')).status, 400)
})

test('name or address of invisible characters → 400, with joiners between letters → stored', async t => {
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

test('preferred_language as es_gt → stored as the BCP 47 tag es-GT', async t => {
  const { access } = await anAccount(client)
  const { body } = await client.patch('me', { preferred_language: 'es_gt' }, { token: access })
  t.is(body.preferred_language, 'es-GT')
})

test('password with spaces, foreign digits or invisible characters → never normalized', async t => {
  const email = anEmail()
  const odd = ` ${arabic('117 810')} horse\u200B `
  t.is((await client.post('register', { email, password: odd })).status, 201)
  t.is((await client.post('login', { email, password: odd })).status, 200)
  for (const other of [odd.trim(), ` 117 810 horse\u200B `, odd.replace('\u200B', '')])
    t.is((await client.post('login', { email, password: other })).status, 401)
})
