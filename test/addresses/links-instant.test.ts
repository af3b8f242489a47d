import test from 'ava'
import { anEmail } from '../make.ts'
import { press } from '../passwords/forgetful.ts'
import { openWorld } from '../world.ts'
import { askMove, aVerified, linked, origin, rowOf } from './moving.ts'

// `EMAIL_LINK_CONFIRM=instant` trades the button for a scanner that confirms. It must not trade away the undo: a
// scanner that opens it would end every session and take the password of an owner who moved on purpose.

const world = await openWorld({ worker: true, env: { EMAIL_LINK_CONFIRM: 'instant' } })
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

test('where opening a link is enough, GET confirms a new address and HEAD does not; nothing but the button undoes', async t => {
  const account = await aVerified(world)
  const newEmail = anEmail()
  const { path } = await askMove(world, account, newEmail)
  t.is((await client.send('HEAD', path)).status, 200)
  t.is((await rowOf(world, account.userId)).email, account.email)
  const opened = await client.get(path)
  t.is(opened.status, 303)
  t.is(opened.headers.get('location'), `${origin}/api/v1/auth/email-confirmed?lang=en`)
  const moved = await rowOf(world, account.userId)
  t.is(moved.email, newEmail)
  t.is((await client.get(path)).status, 401)

  const undo = await linked(world, account.email, 'undo-email-change')
  let page = ''
  for (const method of ['GET', 'HEAD', 'GET']) {
    const looked = await client.send(method, undo.path)
    t.is(looked.status, 200)
    page ||= looked.text
  }
  t.deepEqual(await rowOf(world, account.userId), moved)
  t.is((await client.get('me', { token: account.access })).status, 200)
  t.is((await press(client, { path: undo.path, page }, {})).status, 303)
  t.is((await rowOf(world, account.userId)).email, account.email)
})
