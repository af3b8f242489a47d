import test from 'ava'
import { tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'
import { aForgetful, another, askMove, askReset } from './forgetful.ts'

// A mailed token opens the one door that its mail spoke of (OWASP ASVS 6.4.1).

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const doors = {
  'verify-email': {},
  'verify-reset-token': {},
  'reset-password': { new_password: another },
  'confirm-email': {},
  'undo-email-change': {},
  'undo-deletion': {},
}
type Door = keyof typeof doors
const at = (door: Door, presented: object) => world.client.post(door, { ...presented, ...doors[door] })
const allBut = (...own: Door[]) => (Object.keys(doors) as Door[]).filter(door => !own.includes(door))
const resets: Door[] = ['verify-reset-token', 'reset-password']

test('tokens for a verification, a reset and a move open no other door, and their own afterwards', async t => {
  const account = await aForgetful(world)
  const move = await askMove(world, account, `new-${account.email}`)
  const { verification, reset } = account
  const tokens: [string, Door[]][] = [
    [verification.token, ['verify-email']],
    [reset.token, resets],
    [move.token, ['confirm-email']],
  ]
  for (const [token, own] of tokens)
    for (const door of allBut(...own)) {
      const reply = await at(door, { token })
      t.is(reply.status, 401, `${own[0]} at ${door}`)
      t.is(reply.body.code, 'INVALID_TOKEN')
    }
  t.is((await at('verify-email', { token: verification.token })).status, 200)
  t.is((await at('verify-reset-token', { token: reset.token })).status, 200)
  t.is((await at('confirm-email', { token: move.token })).status, 200)
})

test('codes open no other door either', async t => {
  const account = await aForgetful(world)
  const { email } = account
  const newEmail = `new-${email}`
  const move = await askMove(world, account, newEmail)
  const [verifying, resetting, moving] = [account.verification.code, account.reset.code, move.code]
  for (const door of resets)
    for (const code of [verifying, moving]) t.is((await at(door, { email, code })).status, 401)
  t.is((await at('reset-password', { email: newEmail, code: moving })).status, 401)
  for (const code of [resetting, moving]) t.is((await at('verify-email', { email, code })).status, 401)
  for (const code of [resetting, verifying])
    for (const address of [email, newEmail])
      t.is((await at('confirm-email', { email: address, code })).status, 401)

  t.is((await at('verify-email', { email, code: verifying })).status, 200)
  t.is((await at('reset-password', { email, code: resetting })).status, 204)
})

test('a link that undoes a move, and one that undoes a deletion, reset nothing', async t => {
  const account = await aForgetful(world)
  const { client } = world
  await client.post('verify-email', { token: account.verification.token })
  await world.mails.to(account.email, 3)
  const newEmail = `new-${account.email}`
  const move = await askMove(world, account, newEmail)
  t.is((await at('confirm-email', { token: move.token })).status, 200)
  const undo = tokenOf((await world.mails.to(account.email, 4)).link)
  const reset = await askReset(world, newEmail)
  for (const door of allBut('undo-email-change')) t.is((await at(door, { token: undo })).status, 401, door)
  for (const door of allBut(...resets)) t.is((await at(door, { token: reset.token })).status, 401, door)

  const { body: session } = await client.post('login', { email: newEmail, password: account.password })
  const { access_token: token } = session
  const { status } = await client.send('DELETE', 'me', { body: { password: account.password }, token })
  t.is(status, 204)
  const keep = tokenOf((await world.mails.to(newEmail, 3)).link)
  for (const door of allBut('undo-deletion')) t.is((await at(door, { token: keep })).status, 401, door)
  t.is((await at('undo-deletion', { token: keep })).status, 204)
  t.is((await at('undo-email-change', { token: undo })).status, 200)
})

test('tokens of sessions reset nothing, and a reset token is no session', async t => {
  const { access, refresh, reset } = await aForgetful(world)
  for (const token of [access, refresh, refresh.replace('lkr_', 'lkp_')])
    for (const door of resets) t.is((await at(door, { token })).status, 401)
  t.is((await world.client.get('me', { token: reset.token })).status, 401)
  t.is((await world.client.post('refresh', { refresh_token: reset.token })).status, 401)
  t.is((await at('verify-reset-token', { token: reset.token })).status, 200)
})
