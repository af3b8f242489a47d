import test from 'ava'
import { anAccount, anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'
import { askMove, aVerified, eventsOf, rowOf } from './moving.ts'

// An address is free until the moment of the move, and of several who are let in by its mailbox one gets it.

const world = await openWorld({ worker: true })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

const confirm = (token: string, at = client) => at.post('confirm-email', { token })
const refused = ({ status, body }: { status: number; body: { code: string } }) =>
  (status === 409 && body.code === 'DUPLICATE_ENTRY') || (status === 401 && body.code === 'INVALID_TOKEN')

test('two who race to one address: one gets it, the other keeps what it had', async t => {
  for (let round = 0; round < 5; round++) {
    const newEmail = anEmail()
    const racers = [await aVerified(world), await aVerified(world)] as const
    const first = await askMove(world, racers[0], newEmail)
    const second = await askMove(world, racers[1], newEmail, 2)
    const replies = await Promise.all([confirm(first.token), confirm(second.token, other.client)])
    t.deepEqual(replies.map(({ status }) => status === 200).sort(), [false, true])
    t.true(replies.filter(({ status }) => status !== 200).every(refused))

    const winner = replies[0].status === 200 ? 0 : 1
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
    const [moved, registered] = await Promise.all([
      confirm(token),
      other.client.post('register', { email: newEmail, password }),
    ])
    t.deepEqual([moved.status, registered.status], moved.status === 200 ? [200, 409] : [409, 201])
    const rows = await world.sql<{ id: string }>('SELECT id FROM users WHERE email = $1', [newEmail])
    t.deepEqual(rows, [{ id: moved.status === 200 ? account.userId : registered.body.user.id }])
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
