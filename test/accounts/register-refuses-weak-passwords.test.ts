import test from 'ava'
import { anEmail } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const weak: [rule: string, password: string, profile?: Record<string, string>][] = [
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

for (const [rule, password, profile = {}] of weak)
  test(`${rule}: a password such as ${JSON.stringify(password.slice(0, 24))} opens no account and is not repeated`, async t => {
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

test('every script, spaces and 256 characters of four bytes each are welcome', async t => {
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
