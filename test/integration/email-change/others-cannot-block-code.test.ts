import test from 'ava'
import { anEmail } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { wrongCodes } from '../passwords/user-with-reset-mail.ts'
import { aVerifiedAccount, requestEmailChange, rowOf } from './change-email.ts'

// Any user can request a change to an address that is not theirs, and guess codes for it. Neither may make the code of
// the owner of that address unusable.

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const confirm = async (email: string, code: string, token?: string) =>
  (await client.post('confirm-email', { email, code }, { token })).status

/** An account with a pending change to an address, and six others that requested the same address later. */
const requestsForOneAddress = async () => {
  const email = anEmail()
  const accounts = []
  for (let i = 1; i <= 7; i++) {
    const account = await aVerifiedAccount(world)
    accounts.push({ ...account, ...(await requestEmailChange(world, account, email, i)) })
  }
  const [owner, ...others] = accounts
  if (!owner) throw new Error('no account')
  return { email, owner, others }
}

for (const signedIn of [true, false])
  test(`six others request this address → the first code works ${signedIn ? 'with' : 'without'} session`, async t => {
    const { email, owner } = await requestsForOneAddress()
    t.is(await confirm(email, owner.code, signedIn ? owner.access : undefined), 200)
    t.is((await rowOf(world, owner.userId)).email, email)
  })

test('others guess until the codes are locked → the code works with the session of its owner', async t => {
  const { email, owner, others } = await requestsForOneAddress()
  for (const wrong of wrongCodes(owner.code, 6)) t.is(await confirm(email, wrong), 401)
  t.is(await confirm(email, owner.code), 401, 'locked without a session')
  for (const other of others)
    for (const wrong of wrongCodes(owner.code, 6)) t.is(await confirm(email, wrong, other.access), 401)
  t.is(await confirm(email, owner.code, owner.access), 200)
})

test('five wrong codes with a session → they lock the code of this account, and no other code', async t => {
  const { email, owner, others } = await requestsForOneAddress()
  for (const wrong of wrongCodes(owner.code, 5)) t.is(await confirm(email, wrong, owner.access), 401)
  t.is(await confirm(email, owner.code, owner.access), 401)
  t.is(await confirm(email, others[0]?.code ?? ''), 200)
})

test('a session sends the code of another account for the same address → 401, neither email changes', async t => {
  const { email, owner, others } = await requestsForOneAddress()
  const [other] = others
  t.is(await confirm(email, other?.code ?? '', owner.access), 401)
  t.not((await rowOf(world, owner.userId)).email, email)
  t.not((await rowOf(world, other?.userId ?? '')).email, email)
})

test('a code with the address of an older request → 401, and the email is unchanged', async t => {
  const account = await aVerifiedAccount(world)
  const [older, newer] = [anEmail(), anEmail()]
  await requestEmailChange(world, account, older)
  const { code } = await requestEmailChange(world, account, newer)
  for (const token of [account.access, undefined]) t.is(await confirm(older, code, token), 401)
  t.is((await rowOf(world, account.userId)).email, account.email)
  t.is(await confirm(newer, code, account.access), 200)
})
