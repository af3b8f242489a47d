import anyTest from 'ava'
import * as v from 'valibot'
import { Problem } from '../../../src/platform/catalog/problems.ts'
import { validate } from '../../../src/platform/http/validate.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { sendRaw, withContent } from './raw-request.ts'

// Fields that a route does not have: each is named, with a hint if it resembles a field of the route.

const test = anyTest.serial

const world = await openWorld()
const { client } = world
const { access: token } = await anAccount(client)
anyTest.after.always(() => world[Symbol.asyncDispose]())

const none = 'There is no such field.'
type Found = { path: string; rule: string; message: string }[]

test('several unknown fields → each is named', async t => {
  const body = { email: anEmail(), password, favourite: 1, isAdmin: true, zzz: null }
  const reply = await client.post('register', body)
  t.is(reply.status, 400)
  t.deepEqual(reply.body.errors, [
    { path: 'favourite', rule: 'unknown', message: none },
    { path: 'isAdmin', rule: 'unknown', message: none },
    { path: 'zzz', rule: 'unknown', message: none },
  ])
})

test('unknown, missing and wrong fields in one body → all are named together', async t => {
  const { body } = await client.post('register', { emial: anEmail(), password: 7, extra: 1 })
  t.deepEqual(
    (body.errors as Found).map(({ path, rule }) => [path, rule]),
    [
      ['email', 'missing'],
      ['password', 'string'],
      ['emial', 'unknown'],
      ['extra', 'unknown'],
    ],
  )
})

const hints: [given: string, hint: string | null][] = [
  ['fullName', 'full_name'],
  ['FullName', 'full_name'],
  ['full-name', 'full_name'],
  ['fulname', 'full_name'],
  ['name', 'full_name'],
  ['preferredLanguage', 'preferred_language'],
  ['language', 'preferred_language'],
  ['phoneNumber', 'phone'],
  ['Phone', 'phone'],
  ['adress', 'address'],
  ['tokenTransport', 'token_transport'],
  ['roles', null],
  ['x', null],
  ['constructor', null],
  ['first_name', null],
  ['emailAddress', null],
]
for (const [given, hint] of hints)
  test(`field ${given} → ${hint ? `a hint at ${hint}` : 'no hint'}`, async t => {
    const { body } = await client.post('register', { email: anEmail(), password, [given]: 'x' })
    t.deepEqual(body.errors, [
      { path: given, rule: 'unknown', message: hint ? `${none} Did you mean \`${hint}\`?` : none },
    ])
  })

test('unknown field similar to a field that is present → no hint at it', async t => {
  const { body } = await client.post('login', { email: anEmail(), password, Email: 'x', passwords: 'y' })
  t.deepEqual(
    (body.errors as Found).map(({ message }) => message),
    [none, none],
  )
})

test('camelCase fields in a body with two shapes → hints for the shape that was meant', async t => {
  const email = anEmail()
  const { body } = await client.post('reset-password', {
    Email: email,
    Code: '123456',
    newPassword: password,
  })
  t.deepEqual(
    (body.errors as Found).filter(({ rule }) => rule === 'unknown').map(({ message }) => message),
    ['email', 'code', 'new_password'].map(name => `${none} Did you mean \`${name}\`?`),
  )
})

test('unknown query parameter → named with a hint', async t => {
  const { email, userId } = await anAccount(client)
  await world.sql(`UPDATE users SET roles = '{user,admin}', email_verified = true WHERE id = $1`, [userId])
  const { access_token: admin } = (await client.post('login', { email, password })).body
  const reply = await client.get('/api/v1/admin/users?Limit=2&page=3', { token: admin })
  t.is(reply.status, 400)
  t.deepEqual(reply.body.errors, [
    { path: 'Limit', rule: 'unknown', message: `${none} Did you mean \`limit\`?` },
    { path: 'page', rule: 'unknown', message: none },
  ])
})

test('hundreds of unknown fields → 20 errors', async t => {
  const names = Array.from({ length: 700 }, (_, i) => `preferred_lan${i}`)
  const { body } = await client.patch('me', Object.fromEntries(names.map(name => [name, 1])), { token })
  t.is(body.errors.length, 20)
})

test('thousands of field names that are slow to compare → only 20 of them are compared', t => {
  const names = Array.from({ length: 4000 }, (_, i) => `${'preferred_language'.repeat(2)}${i}`)
  const body = Object.fromEntries([...names, 'x'.repeat(1_000_000)].map(name => [name, 1]))
  const schema = v.strictObject({ preferred_language: v.string(), full_name: v.string() })
  // The comparison takes the least of three numbers for each pair of letters.
  const { min } = Math
  let pairs = 0
  Math.min = (...numbers) => {
    pairs++
    return min(...numbers)
  }
  try {
    t.true(validate(schema, body) instanceof Problem)
  } finally {
    Math.min = min
  }
  const longest = 40
  const letters = 'preferredlanguage'.length + 'fullname'.length
  t.true(pairs > 20 && pairs < 20 * longest * (letters + 2), String(pairs))
})

test('values and malformed field names → repeated in no error', async t => {
  const secret = 'canary7'
  const reply = await client.post('login', { emaill: secret, passwort: secret, other: { deep: secret } })
  t.is(reply.status, 400)
  t.notRegex(reply.text, /canary7/)
  const content = JSON.stringify({
    [`{"password":"${secret}"}`]: '',
    [`a\n${secret}`]: 1,
    [`${'x'.repeat(80)}${secret}`]: 1,
  })
  const raw = await sendRaw(world.url, withContent('POST', '/api/v1/auth/login', content.length), content)
  t.is(raw.status, 400)
  t.notRegex(raw.text, /canary7/)
})
