import anyTest from 'ava'
import { resealRows } from '../../../src/features/app-secret/reseal-rows.ts'
import { deliver } from '../../../src/features/mail-delivery/deliver.ts'
import { openTransport } from '../../../src/platform/mail/transport.ts'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { type LocalInstance, openLocalWorld } from '../../local-world.ts'
import { instanceWith } from './secret-lists.ts'

// Emailed links and codes while APP_SECRET changes. Each email is delivered by a worker with a list of its own.

const test = anyTest.serial

const world = await openLocalWorld()
const oldThenNew = await instanceWith(world, 'oldThenNew')
const newThenOld = await instanceWith(world, 'newThenOld')
await resealRows(newThenOld.deps)
const onlyNew = await instanceWith(world, 'new')
const transport = openTransport(world.mails.url)
anyTest.after.always(async () => {
  transport[Symbol.dispose]()
  for (const instance of [oldThenNew, newThenOld, onlyNew]) await instance.close()
  await world[Symbol.asyncDispose]()
})

const [oldId = '', newId = ''] = oldThenNew.deps.secrets.all.map(({ id }) => id)

const idOf = async (recipient: string, kind: string): Promise<string> => {
  const [row] = await world.sql<{ id: string }>(
    'SELECT id FROM emails WHERE recipient = $1 AND kind = $2 ORDER BY id DESC LIMIT 1',
    [recipient, kind],
  )
  return row?.id ?? ''
}

/** Delivers an email at a worker with the secrets of this instance. `count` is the number of emails to the address so far. */
const deliverAt = async ({ deps }: Pick<LocalInstance, 'deps'>, address: string, kind: string, count = 1) => {
  await deliver({ ...deps, transport }, await idOf(address, kind))
  return world.mails.to(address, count)
}

/** Queues an email again, as if the worker had not noticed that it was sent. */
const queueAgain = (address: string) =>
  world.sql(`UPDATE emails SET status = 'queued', held_until = NULL WHERE recipient = $1`, [address])

test('email is sent again by a worker with another order of secrets → the same link and code', async t => {
  for (const [first, second] of [
    [oldThenNew, newThenOld],
    [newThenOld, oldThenNew],
  ] as const) {
    const { email } = await anAccount(world.client)
    const sent = await deliverAt(first, email, 'verify_email')
    await queueAgain(email)
    const again = await deliverAt(second, email, 'verify_email', 2)
    t.is(again.link, sent.link)
    t.is(again.code, sent.code)
    t.is((await second.client.post('verify-email', { token: tokenOf(sent.link) })).status, 200)
  }
})

test('link or code of the old secret → works where the new one is first, once, with the same reply again', async t => {
  for (const by of ['link', 'code'] as const) {
    const { email } = await anAccount(world.client)
    const { link, code } = await deliverAt(world, email, 'verify_email')
    const body = by === 'link' ? { token: tokenOf(link) } : { email, code }
    for (const { client } of [newThenOld, oldThenNew])
      t.is((await client.post('verify-email', body)).status, 200, by)
  }
})

test('wrong codes where two secrets are listed → one guess each, as with one secret', async t => {
  const { email } = await anAccount(world.client)
  const { code } = await deliverAt(world, email, 'verify_email')
  const wrong = code === '000000' ? '000001' : '000000'
  for (let guess = 0; guess < 4; guess++)
    t.is((await newThenOld.client.post('verify-email', { email, code: wrong })).status, 401)
  t.is((await newThenOld.client.post('verify-email', { email, code })).status, 200)
})

test('undo link of the old secret → works where the new one is first', async t => {
  const account = await anAccount(world.client)
  await deliverAt(world, account.email, 'verify_email')
  const reply = await world.client.send('DELETE', 'me', { body: { password }, token: account.access })
  t.is(reply.status, 204)
  const { link } = await deliverAt(world, account.email, 'account_deleted', 2)
  t.is((await newThenOld.client.post('undo-deletion', { token: tokenOf(link) })).status, 204)
})

test('links and codes of a dropped secret → refused like unknown ones, although Redis still holds them', async t => {
  const account = await anAccount(world.client)
  const { email } = account
  const { link, code } = await deliverAt(world, email, 'verify_email')
  const unknown = await onlyNew.client.post('verify-email', { token: `lkp_${'A'.repeat(64)}` })
  for (const body of [{ token: tokenOf(link) }, { email, code }]) {
    const refused = await onlyNew.client.post('verify-email', body)
    t.is(refused.status, 401)
    t.deepEqual({ ...refused.body, request_id: '' }, { ...unknown.body, request_id: '' })
  }
  await world.client.send('DELETE', 'me', { body: { password }, token: account.access })
  const undo = await deliverAt(world, email, 'account_deleted', 2)
  t.is((await onlyNew.client.post('undo-deletion', { token: tokenOf(undo.link) })).status, 401)
  t.is((await newThenOld.client.post('undo-deletion', { token: tokenOf(undo.link) })).status, 204)
})

test('email whose secret was dropped is sent again → only its new link and code work', async t => {
  const { email } = await anAccount(world.client)
  const sent = await deliverAt(world, email, 'verify_email')
  await queueAgain(email)
  const again = await deliverAt(onlyNew, email, 'verify_email', 2)
  t.not(again.link, sent.link)
  t.is((await newThenOld.client.post('verify-email', { token: tokenOf(sent.link) })).status, 401)
  t.is((await newThenOld.client.post('verify-email', { email, code: again.code })).status, 200)
  t.is((await onlyNew.client.post('verify-email', { token: tokenOf(again.link) })).status, 200)
})

test('email attempted by an older version, which named no secret → derives from the oldest', async t => {
  const { email } = await anAccount(world.client)
  const secretId = async () =>
    (await world.sql<{ secret_id: string }>('SELECT secret_id FROM emails WHERE recipient = $1', [email]))[0]
      ?.secret_id
  t.is(await secretId(), null as never)
  await world.sql('UPDATE emails SET attempts = 1 WHERE recipient = $1', [email])
  await deliverAt(newThenOld, email, 'verify_email')
  t.is(await secretId(), oldId)
})

test('email queued under the old secret, delivered after it was dropped → its link works', async t => {
  const email = anEmail()
  await anAccount(world.client, { email })
  const { link } = await deliverAt(onlyNew, email, 'verify_email')
  const [row] = await world.sql<{ secret_id: string }>('SELECT secret_id FROM emails WHERE recipient = $1', [
    email,
  ])
  t.is(row?.secret_id, newId)
  t.is((await onlyNew.client.post('verify-email', { token: tokenOf(link) })).status, 200)
})
