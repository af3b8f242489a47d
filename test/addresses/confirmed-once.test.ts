import test from 'ava'
import { parse as parseUuid } from 'uuid'
import { anAccount, anEmail } from '../make.ts'
import { press } from '../passwords/forgetful.ts'
import { openWorld } from '../world.ts'
import { askMove, aVerified, eventsOf, linked, origin, rowOf, settled } from './moving.ts'

// The mail to a new address moves the account once, and only the newest does. Mail scanners open links: that moves
// nothing.

const world = await openWorld({ worker: true })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

const confirm = (body: object, at = client) => at.post('confirm-email', body)

test('of twenty at once at two instances one moves the account, and one mail tells of it', async t => {
  const account = await aVerified(world)
  const email = anEmail()
  const { token, code } = await askMove(world, account, email)
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      confirm(i % 5 === 4 ? { email, code } : { token }, (i % 2 ? world : other).client),
    ),
  )
  t.deepEqual(replies.map(({ status }) => status).sort(), [200, ...Array(19).fill(401)])
  t.is(await eventsOf(world, account.userId, 'email.changed'), 1)
  await settled(world)
  const notices = await world.sql(`SELECT 1 FROM emails WHERE kind = 'email_changed' AND recipient = $1`, [
    account.email,
  ])
  t.is(notices.length, 1)
  for (const body of [{ token }, { email, code }]) t.is((await confirm(body)).body.code, 'INVALID_TOKEN')
})

test('the newest request counts: an older link and an older code are dead', async t => {
  const account = await anAccount(client)
  const [first, second] = [anEmail(), anEmail()]
  const old = await askMove(world, account, first)
  const late = await askMove(world, account, second)
  for (const body of [{ token: old.token }, { email: first, code: old.code }])
    t.is((await confirm(body)).status, 401)
  const again = await askMove(world, account, second, 2)
  t.is((await confirm({ token: late.token })).status, 401)
  t.is((await rowOf(world, account.userId)).email, account.email)
  t.is((await confirm({ token: again.token })).status, 200)
  t.is((await rowOf(world, account.userId)).email, second)
})

test('five guesses at a code close it; the link goes on working', async t => {
  const account = await anAccount(client)
  const email = anEmail()
  const { token, code } = await askMove(world, account, email)
  const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0')
  const guesses = await Promise.all(
    Array.from({ length: 8 }, () => confirm({ email, code: wrong }, other.client)),
  )
  t.true(guesses.every(({ status }) => status === 401))
  t.is((await confirm({ email, code })).status, 401)
  t.is((await confirm({ token })).status, 200)
})

test('opening the link moves nothing, however often; its button does', async t => {
  const account = await aVerified(world)
  const newEmail = anEmail()
  const { path } = await askMove(world, account, newEmail)
  const before = await rowOf(world, account.userId)
  let page = ''
  for (const method of ['GET', 'HEAD', 'GET', 'HEAD']) {
    const opened = await client.send(method, path)
    t.is(opened.status, 200)
    t.is(opened.headers.get('cache-control'), 'no-store')
    t.is(opened.headers.get('referrer-policy'), 'no-referrer')
    page ||= opened.text
  }
  t.deepEqual(await rowOf(world, account.userId), before)

  const pressed = await press(client, { path, page }, {})
  t.is(pressed.status, 303)
  const location = pressed.headers.get('location') ?? ''
  t.is(location, `${origin}/api/v1/auth/email-confirmed?lang=en`)
  t.is((await client.get(location.slice(origin.length))).status, 200)
  t.is((await rowOf(world, account.userId)).email, newEmail)
  t.is((await press(client, { path, page }, {})).status, 401)
})

test('opening the link of the old address undoes nothing; its button does', async t => {
  const account = await aVerified(world)
  const newEmail = anEmail()
  const { token } = await askMove(world, account, newEmail)
  await confirm({ token })
  const { path } = await linked(world, account.email, 'undo-email-change')
  let page = ''
  for (const method of ['GET', 'HEAD', 'GET']) {
    const opened = await client.send(method, path)
    t.is(opened.status, 200)
    page ||= opened.text
  }
  t.is((await rowOf(world, account.userId)).email, newEmail)
  const pressed = await press(client, { path, page }, {})
  t.is(pressed.status, 303)
  const location = pressed.headers.get('location') ?? ''
  t.is(location, `${origin}/api/v1/auth/email-restored?lang=en`)
  t.is((await client.get(location.slice(origin.length))).status, 200)
  t.is((await rowOf(world, account.userId)).email, account.email)
  t.is((await press(client, { path, page }, {})).status, 401)
})

test('no part of a mail, and no mail of another account, moves one or takes one back', async t => {
  const [mine, yours] = [await aVerified(world), await aVerified(world)]
  const email = anEmail()
  const move = await askMove(world, mine, email)
  const bytes = Buffer.from(move.token.slice(4), 'base64url')
  const yourId = Buffer.from(parseUuid(yours.userId))
  const forged = [
    Buffer.concat([yourId, bytes.subarray(16)]),
    Buffer.concat([bytes.subarray(0, 16), Buffer.alloc(32)]),
    bytes.subarray(0, 47),
    Buffer.concat([bytes, Buffer.alloc(1)]),
  ].map(each => `lkp_${each.toString('base64url')}`)
  for (const door of ['confirm-email', 'undo-email-change'])
    for (const token of [...forged, mine.access, mine.refresh, 'lkp_', ' ']) {
      const { status, body } = await client.post(door, { token })
      t.is(status, 401, door)
      t.is(body.code, 'INVALID_TOKEN', door)
    }
  t.is((await client.post('undo-email-change', { token: move.token })).status, 401)
  for (const address of [mine.email, yours.email])
    t.is((await confirm({ email: address, code: move.code })).status, 401)
  t.is((await client.post('undo-email-change', { email, code: move.code })).status, 400)
  t.is((await rowOf(world, mine.userId)).email, mine.email)
  t.is((await rowOf(world, yours.userId)).email, yours.email)
})
