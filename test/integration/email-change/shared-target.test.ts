import test from 'ava'
import { anEmail } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { wrongCodes } from '../passwords/user-with-reset-mail.ts'
import { aVerifiedAccount, requestEmailChange, rowOf } from './change-email.ts'

// Anybody may ask to move to an address that is not theirs, and guess at codes for it. None of that may put the code of
// the owner's pending change out of use.

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const confirm = async (email: string, code: string, token?: string) =>
  (await client.post('confirm-email', { email, code }, { token })).status

/** Somebody who waits to move to an address, and six others who asked for the same address later. */
const aCrowd = async () => {
  const email = anEmail()
  const movers = []
  for (let i = 1; i <= 7; i++) {
    const account = await aVerifiedAccount(world)
    movers.push({ ...account, ...(await requestEmailChange(world, account, email, i)) })
  }
  const [owner, ...others] = movers
  if (!owner) throw new Error('nobody moves')
  return { email, owner, others }
}

for (const signedIn of [true, false])
  test(`six others ask to move to the same address → the first code still works, ${signedIn ? 'with' : 'without'} a session`, async t => {
    const { email, owner } = await aCrowd()
    t.is(await confirm(email, owner.code, signedIn ? owner.access : undefined), 200)
    t.is((await rowOf(world, owner.userId)).email, email)
  })

test('strangers guess until codes are closed → the code works with the session of its owner', async t => {
  const { email, owner, others } = await aCrowd()
  for (const wrong of wrongCodes(owner.code, 6)) t.is(await confirm(email, wrong), 401)
  t.is(await confirm(email, owner.code), 401, 'closed to strangers')
  for (const other of others)
    for (const wrong of wrongCodes(owner.code, 6)) t.is(await confirm(email, wrong, other.access), 401)
  t.is(await confirm(email, owner.code, owner.access), 200)
})

test('guesses with the session of an owner count at no other code, and five close the own one', async t => {
  const { email, owner, others } = await aCrowd()
  for (const wrong of wrongCodes(owner.code, 5)) t.is(await confirm(email, wrong, owner.access), 401)
  t.is(await confirm(email, owner.code, owner.access), 401)
  t.is(await confirm(email, others[0]?.code ?? ''), 200)
})

test('a session presents the code of somebody else who moves to the same address → neither moves', async t => {
  const { email, owner, others } = await aCrowd()
  const [other] = others
  t.is(await confirm(email, other?.code ?? '', owner.access), 401)
  t.not((await rowOf(world, owner.userId)).email, email)
  t.not((await rowOf(world, other?.userId ?? '')).email, email)
})

test('a code with the address of an older request → 401, and nothing moves', async t => {
  const account = await aVerifiedAccount(world)
  const [older, newer] = [anEmail(), anEmail()]
  await requestEmailChange(world, account, older)
  const { code } = await requestEmailChange(world, account, newer)
  for (const token of [account.access, undefined]) t.is(await confirm(older, code, token), 401)
  t.is((await rowOf(world, account.userId)).email, account.email)
  t.is(await confirm(newer, code, account.access), 200)
})
