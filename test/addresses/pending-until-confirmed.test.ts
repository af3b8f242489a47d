import test from 'ava'
import { anAccount, anEmail } from '../make.ts'
import { openWorld } from '../world.ts'
import { askMove, aVerified, change, eventsOf, rowOf, settled } from './moving.ts'

// An account keeps its address until the mailbox of the new one has answered: a mistyped address must not get it.

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

const login = (email: string, password: string) => client.post('login', { email, password })
const askedFor = (email: string) =>
  world.sql<{ status: string }>(
    `SELECT status FROM emails WHERE kind = 'email_change' AND recipient = $1 ORDER BY id`,
    [email],
  )

for (const by of ['token', 'code'] as const)
  test(`nothing moves before the new address confirms, here by the ${by} of its mail`, async t => {
    const account = await aVerified(world)
    const { email, password, access, userId } = account
    const before = await rowOf(world, userId)
    const newEmail = anEmail()
    const { token, code, caught } = await askMove(world, account, newEmail)
    t.deepEqual(caught.to, [newEmail])
    t.is(caught.mail.subject, 'Confirm your new e-mail address')
    t.deepEqual(await rowOf(world, userId), before)
    t.is((await login(newEmail, password)).status, 401)
    t.is((await login(email, password)).status, 200)

    const presented = by === 'token' ? { token } : { email: newEmail.toUpperCase(), code }
    const reply = await client.post('confirm-email', presented)
    t.is(reply.status, 200)
    t.deepEqual(reply.body, { email: newEmail, email_verified: true })
    t.like((await client.get('me', { token: access })).body, { email: newEmail, email_verified: true })
    t.is(await eventsOf(world, userId, 'email.changed'), 1)
  })

test('after the move the new address signs in, and the old one is as unknown as any', async t => {
  const account = await aVerified(world)
  const newEmail = anEmail()
  const { token } = await askMove(world, account, newEmail)
  t.is((await client.post('confirm-email', { token })).status, 200)

  const { status, body } = await login(newEmail, account.password)
  t.is(status, 200)
  t.is(body.user.id, account.userId)
  const [old, unknown] = [
    await login(account.email, account.password),
    await login(anEmail(), account.password),
  ]
  t.is(old.status, 401)
  t.is(old.body.code, 'INVALID_CREDENTIALS')
  t.deepEqual({ ...old.body, request_id: '' }, { ...unknown.body, request_id: '' })

  const stranger = await anAccount(client, { email: account.email })
  t.not(stranger.userId, account.userId, 'the old address is free')
})

test('a wrong password moves nothing, and mails nobody', async t => {
  const account = await anAccount(client)
  const newEmail = anEmail()
  for (const password of ['wrong horse 9', account.password.toUpperCase(), `${account.password} `]) {
    const reply = await change(client, { ...account, password }, newEmail)
    t.is(reply.status, 403)
    t.is(reply.body.code, 'INVALID_CURRENT_PASSWORD')
  }
  t.is((await client.post('change-email', { new_email: newEmail }, { token: account.access })).status, 400)
  const stranger = { current_password: account.password, new_email: newEmail }
  t.is((await client.post('change-email', stranger)).status, 401, 'nor does the password alone')
  t.deepEqual(await askedFor(newEmail), [])
})

test('a taken address is answered like a free one, and its owner is not bothered', async t => {
  const [account, neighbour] = [await anAccount(client), await aVerified(world)]
  await settled(world)
  const heard = () => world.mails.caught.filter(({ to }) => to.includes(neighbour.email)).length
  const before = heard()
  const free = await change(client, account, anEmail())
  const names = ({ headers }: { headers: Headers }) => [...headers.keys()].sort()
  for (const taken of [neighbour.email, neighbour.email.toUpperCase(), account.email]) {
    const reply = await change(client, account, taken)
    t.is(reply.status, 202)
    t.is(reply.text, free.text)
    t.deepEqual(names(reply), names(free))
  }
  await settled(world)
  t.is(heard(), before)
  t.deepEqual(
    (await askedFor(neighbour.email)).map(({ status }) => status),
    ['dropped', 'dropped'],
  )
  const guess = await client.post('confirm-email', { email: neighbour.email, code: '000000' })
  const unknown = await client.post('confirm-email', { email: anEmail(), code: '000000' })
  t.is(guess.status, 401)
  t.deepEqual({ ...guess.body, request_id: '' }, { ...unknown.body, request_id: '' })
})

const good = anEmail()
const hostile: Record<string, unknown> = {
  'a list': [good, 'evil@evil.test'],
  'a list of one': [good],
  'an object': { address: good },
  null: null,
  'a number': 7,
  'two by comma': `${good},evil@evil.test`,
  'two by semicolon': `${good};evil@evil.test`,
  'two by space': `${good} evil@evil.test`,
  'a quoted recipient': '"evil@evil.test x"@example.com',
  'a name before': `Ana <${good}>`,
  'a line break and a header': `${good}\r\nBcc: evil@evil.test`,
  'a line break before': `\r\n${good}`,
  'a NUL': `${good}\0@evil.test`,
  'a second at sign': `${good}@evil.test`,
  'a source route': `@evil.test:${good}`,
  'a wide at sign': good.replace('@', '＠'),
  'a dotless i': 'mıke@example.com',
  'a Kelvin sign': 'mi\u212Ae@example.com',
  'a Cyrillic a': 'm\u0430rk@example.com',
  'an invisible letter': good.replace('example', 'exam\u200Dple'),
  'an address literal': 'mark@[127.0.0.1]',
  empty: '',
}
test('what is not one plain address is refused, and nobody is mailed', async t => {
  const account = await anAccount(client)
  for (const [what, newEmail] of Object.entries(hostile)) {
    const reply = await change(client, account, newEmail)
    t.is(reply.status, 400, what)
    t.is(reply.body.code, 'VALIDATION_ERROR', what)
    t.is(reply.body.errors[0].path, 'new_email', what)
    t.false(reply.text.includes('evil'), what)
  }
  const rows = await world.sql('SELECT kind FROM emails WHERE user_id = $1', [account.userId])
  t.deepEqual(rows, [{ kind: 'verify_email' }])
  t.is(await eventsOf(world, account.userId, 'email.change_requested'), 0)
})

test('who asks cannot name another account, or confirm in the same breath', async t => {
  const [account, victim] = [await anAccount(client), await anAccount(client)]
  const newEmail = anEmail()
  for (const more of [{ user_id: victim.userId }, { email: victim.email }, { email_verified: true }]) {
    const body = { current_password: account.password, new_email: newEmail, ...more }
    t.is((await client.post('change-email', body, { token: account.access })).status, 400)
  }
  t.deepEqual(await askedFor(newEmail), [])
})
