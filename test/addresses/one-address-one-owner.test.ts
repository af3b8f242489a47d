import test from 'ava'
import { anAccount, anEmail, password } from '../make.ts'
import { openPools, statusesOf, times, volley } from '../volley.ts'
import { openWorld } from '../world.ts'
import { askMove, aVerified, eventsOf, rowOf } from './moving.ts'

// An address is free until the moment of the move, and of several who are let in by its mailbox one gets it.

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

const urls = [world.url, other.url]
const confirm = (token: string) => client.post('confirm-email', { token })
const confirmation = (token: string) => ({ path: 'confirm-email', body: { token } })
const refused = ({ status, body }: { status: number; body: { code: string } }) =>
  (status === 409 && body.code === 'DUPLICATE_ENTRY') || (status === 401 && body.code === 'INVALID_TOKEN')

test('two who race to one address: one gets it, the other keeps what it had', async t => {
  for (let round = 0; round < 5; round++) {
    const newEmail = anEmail()
    const racers = [await aVerified(world), await aVerified(world)] as const
    const first = await askMove(world, racers[0], newEmail)
    const second = await askMove(world, racers[1], newEmail, 2)
    // Pairs of the same, so that each of the two is at each instance.
    const tokens = [first.token, second.token]
    const replies = await volley(
      urls,
      times(12, i => confirmation(tokens[(i >> 1) % 2] ?? '')),
    )
    t.is(statusesOf(replies)[200], 1)
    t.true(replies.filter(({ status }) => status !== 200).every(refused))

    const winner = replies.findIndex(({ status }) => status === 200) & 2 ? 1 : 0
    const loser = racers[winner ? 0 : 1]
    t.is((await rowOf(world, racers[winner].userId)).email, newEmail)
    t.like(await rowOf(world, loser.userId), { email: loser.email, email_verified: true })
    t.is(await eventsOf(world, loser.userId, 'email.changed'), 0)
    const undos = await world.sql(`SELECT 1 FROM emails WHERE kind = 'email_changed' AND recipient = $1`, [
      loser.email,
    ])
    t.is(undos.length, 0, 'and hears of no move')
    t.is((await client.post('login', { email: loser.email, password })).status, 200)
    const later = await confirm((winner ? first : second).token)
    t.true(refused(later))
    t.is((await rowOf(world, loser.userId)).email, loser.email)
  }
})

test('somebody registers the address meanwhile: it is theirs', async t => {
  const account = await aVerified(world)
  const newEmail = anEmail()
  const { token, code } = await askMove(world, account, newEmail)
  const owner = await anAccount(client, { email: newEmail })
  for (const body of [{ token }, { email: newEmail, code }]) {
    const reply = await client.post('confirm-email', body)
    t.is(reply.status, 409)
    t.is(reply.body.code, 'DUPLICATE_ENTRY')
  }
  t.is((await rowOf(world, account.userId)).email, account.email)
  t.like(await rowOf(world, owner.userId), { email: newEmail, email_verified: false })
  t.is((await client.post('login', { email: account.email, password })).status, 200)
})

test('a registration and a move to one address at the same moment: one of them has it', async t => {
  for (let round = 0; round < 5; round++) {
    const account = await aVerified(world)
    const newEmail = anEmail()
    const { token } = await askMove(world, account, newEmail)
    const shots = times(12, i =>
      i % 3 === round % 3
        ? confirmation(token)
        : { path: 'register', body: { email: newEmail, password: `a phrase of number ${i}` } },
    )
    const replies = await volley(urls, shots)
    const moves = replies.filter((_, i) => i % 3 === round % 3)
    const registrations = replies.filter((_, i) => i % 3 !== round % 3)
    const moved = moves.find(({ status }) => status === 200)
    const registered = registrations.find(({ status }) => status === 201)
    t.deepEqual(statusesOf(registrations), moved ? { 409: 8 } : { 201: 1, 409: 7 })
    t.true(moves.filter(reply => reply !== moved).every(refused))
    const rows = await world.sql<{ id: string }>('SELECT id FROM users WHERE email = $1', [newEmail])
    t.deepEqual(rows, [{ id: moved ? account.userId : registered?.body.user.id }])
  }
})

test('of two who ask for one address each code moves its own account, whoever asked last', async t => {
  const [first, last] = [await aVerified(world), await aVerified(world)]
  const newEmail = anEmail()
  const ofFirst = await askMove(world, first, newEmail)
  const ofLast = await askMove(world, last, newEmail, 2)
  t.is((await client.post('confirm-email', { email: newEmail, code: ofFirst.code })).status, 200)
  t.is((await rowOf(world, first.userId)).email, newEmail)
  t.is((await client.post('confirm-email', { email: newEmail, code: ofLast.code })).status, 409)
  t.is((await confirm(ofLast.token)).status, 409)
  t.is((await rowOf(world, last.userId)).email, last.email)
})
