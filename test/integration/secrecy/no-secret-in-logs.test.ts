import test from 'ava'
import { anEmail } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// Error messages quote their input: Postgres quotes the whole row of a failed constraint, a parser quotes the body.

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const canary = { password: 'Canary-9-xylophone-KQ7w', phone: '+4915112345678' }

const linesSince = async (act: () => Promise<unknown>): Promise<string> => {
  const from = await world.logMark()
  await act()
  return (await world.logs(from)).join('')
}

test.serial('a database constraint fails → the error is logged without the row', async t => {
  await world.sql(`ALTER TABLE users ADD CONSTRAINT no_canary CHECK (full_name <> 'Trapped Person')`)
  t.teardown(() => world.sql('ALTER TABLE users DROP CONSTRAINT no_canary'))
  const email = anEmail()
  const log = await linesSince(async () => {
    const body = { email, password: canary.password, full_name: 'Trapped Person', phone: canary.phone }
    const reply = await world.client.post('register', body)
    t.is(reply.status, 500)
    for (const word of ['Trapped', email, 'users', 'no_canary', 'constraint'])
      t.false(reply.text.includes(word), word)
  })
  t.regex(log, /"code":"23514"/)
  t.regex(log, /"constraint":"no_canary"/)
  for (const word of ['Trapped', email, canary.password, canary.phone, '$2b$', 'INSERT'])
    t.false(log.includes(word), `the log holds ${word}`)
})

test.serial('a table is missing → the error is logged without address or password', async t => {
  await world.sql('ALTER TABLE emails RENAME TO elsewhere')
  const email = anEmail()
  const log = await linesSince(async () => {
    t.is((await world.client.post('resend-verification', { email })).status, 500)
    t.is((await world.client.post('register', { email, password: canary.password })).status, 500)
  }).finally(() => world.sql('ALTER TABLE elsewhere RENAME TO emails'))
  t.regex(log, /"code":"42P01"/)
  for (const word of [email, canary.password]) t.false(log.includes(word))
  t.is(
    (await world.sql('SELECT 1 FROM users WHERE email = $1', [email])).length,
    0,
    'no user without the verification email',
  )
})

const malformed = [
  `{"email": "a@example.com", "password": "${canary.password}"`,
  `{"email": "a@example.com", "password": ${canary.password}}`,
  `password=${canary.password}`,
  `"${canary.password}"`,
  `["${canary.password}"]`,
  JSON.stringify({ email: canary.password, password: canary.password }),
  JSON.stringify({ email: 'a@example.com', password: [canary.password] }),
  JSON.stringify({ email: 'a@example.com', password: canary.password, full_name: `${canary.password}\n` }),
]
for (const body of malformed)
  test.serial(
    `a malformed body is neither logged nor returned: ${body.replaceAll(canary.password, '…')}`,
    async t => {
      const quoted: string[] = []
      const log = await linesSince(async () => {
        for (const route of ['login', 'register', 'verify-email', 'refresh', 'resend-verification']) {
          const reply = await world.client.post(route, body)
          t.true(reply.status >= 400 && reply.status < 500, `${route} answered ${reply.status}`)
          quoted.push(reply.text, JSON.stringify([...reply.headers]))
        }
      })
      t.true(log.includes('"request"'))
      t.false(log.includes(canary.password))
      t.false(log.includes('a@example.com'))
      t.false(quoted.join('').includes(canary.password))
    },
  )

test.serial('secrets in paths, queries and headers → not in the log', async t => {
  const log = await linesSince(async () => {
    await world.client.get(`verify-email?token=${canary.password}&lang=${canary.password}`)
    await world.client.get(`/${canary.password}`)
    await world.client.get(`/api/v1/auth/me?access_token=${canary.password}`)
    await world.client.get('me', { token: canary.password })
    await world.client.get('me', {
      headers: { cookie: `s=${canary.password}`, 'x-request-id': canary.password },
    })
  })
  t.true(log.includes('"request"'))
  t.false(log.includes(canary.password))
})

test.serial('requests that name an address → the log holds none of the addresses', async t => {
  const [known, unknown] = [anEmail(), anEmail()]
  const log = await linesSince(async () => {
    const { client } = world
    const { body } = await client.post('register', { email: known, password: canary.password })
    for (const email of [known, unknown]) {
      await client.post('login', { email, password: 'wrong horse 9' })
      await client.post('forgot-password', { email })
      await client.post('resend-verification', { email })
      await client.post('verify-email', { email, code: '000000' })
      await client.post('verify-reset-token', { email, code: '000000' })
      await client.post('reset-password', { email, code: '000000', new_password: canary.password })
    }
    const move = { current_password: canary.password, new_email: unknown }
    await client.post('change-email', move, { token: body.access_token })
    await client.send('DELETE', 'me', { token: body.access_token, body: { password: canary.password } })
  })
  t.true(log.length > 1000)
  for (const email of [known, unknown])
    t.false(log.includes(email.split('@')[0] ?? ''), 'the log holds an address')
})
