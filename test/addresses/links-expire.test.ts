import test from 'ava'
import { anEmail } from '../make.ts'
import { openWorld } from '../world.ts'
import { askMove, aVerified, linked, move, rowOf } from './moving.ts'

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())
const { client, clock } = world

const minute = 60_000
const day = 24 * 60 * minute

test.serial('a new address confirms within 24 hours, and not after', async t => {
  const [slow, late] = [await aVerified(world), await aVerified(world)]
  const [slowEmail, lateEmail] = [anEmail(), anEmail()]
  const ofSlow = await askMove(world, slow, slowEmail)
  const ofLate = await askMove(world, late, lateEmail)
  try {
    clock.shift = day - minute
    t.is((await client.post('confirm-email', { token: ofSlow.token })).status, 200)
    clock.shift = day + 1000
    for (const body of [{ token: ofLate.token }, { email: lateEmail, code: ofLate.code }]) {
      const reply = await client.post('confirm-email', body)
      t.is(reply.status, 401)
      t.is(reply.body.code, 'INVALID_TOKEN')
    }
    t.is((await rowOf(world, late.userId)).email, late.email)
  } finally {
    clock.shift = 0
  }
})

test.serial('an old address takes the change back within 7 days, and not after', async t => {
  const [slow, late] = [await aVerified(world), await aVerified(world)]
  const lateEmail = anEmail()
  await move(world, slow, anEmail())
  await move(world, late, lateEmail)
  const ofSlow = await linked(world, slow.email, 'undo-email-change')
  const ofLate = await linked(world, late.email, 'undo-email-change')
  try {
    clock.shift = 7 * day - minute
    t.is((await client.post('undo-email-change', { token: ofSlow.token })).status, 200)
    clock.shift = 7 * day + 1000
    const reply = await client.post('undo-email-change', { token: ofLate.token })
    t.is(reply.status, 401)
    t.is(reply.body.code, 'INVALID_TOKEN')
    t.is((await rowOf(world, slow.userId)).email, slow.email)
    t.is((await rowOf(world, late.userId)).email, lateEmail)
  } finally {
    clock.shift = 0
  }
})
