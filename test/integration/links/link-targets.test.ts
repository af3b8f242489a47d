import { readFileSync } from 'node:fs'
import anyTest from 'ava'
import { emails as allEmails } from '../../../src/modules.ts'
import { anAccount, anEmail, tokenOf } from '../../fixtures.ts'
import { openWorld, type World } from '../../world.ts'

// Checks the table of docs/emails.md: where the link of each email leads, with and without a front end.

const test = anyTest.serial

const FRONTEND_URL = 'https://app.example/shop'
const worlds = {
  without: await openWorld({ worker: true }),
  with: await openWorld({ worker: true, env: { FRONTEND_URL } }),
}
anyTest.after.always(async () => {
  for (const world of Object.values(worlds)) await world[Symbol.asyncDispose]()
})

const page = readFileSync(new URL('../../../docs/emails.md', import.meta.url), 'utf8')
const [, table = ''] = /<!-- links -->\n([\s\S]*?)<!-- \/links -->/.exec(page) ?? []
const rows = table
  .trim()
  .split('\n')
  .slice(2)
  .map(row => row.split('|').map(cell => cell.trim()))
  .map(([, kind = '', without = '', withFrontend = '']) => ({
    kind: kind.replaceAll('`', ''),
    without,
    with: withFrontend,
  }))

const addressIn = (world: World, text: string | undefined): string =>
  (text ?? '')
    .replaceAll('`', '')
    .replace('PUBLIC_URL', world.env.PUBLIC_URL ?? '')
    .replace('FRONTEND_URL', FRONTEND_URL)

/** An account that can receive an email of this kind, and the address that the email goes to. */
const recipientOf = async (world: World, kind: string) => {
  const { email, userId } = await anAccount(world.client)
  await world.mails.to(email)
  if (kind === 'welcome_guest')
    await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [userId])
  if (kind === 'account_deleted')
    await world.sql(`UPDATE users SET erase_after = now() + interval '1 day' WHERE id = $1`, [userId])
  const recipient = kind === 'email_change' ? anEmail() : email
  return { userId, recipient, before: (await world.mails.sentTo(recipient)).length }
}

test('the link table of docs/emails.md → names every email once', t => {
  t.deepEqual(rows.map(({ kind }) => kind).sort(), allEmails.map(({ kind }) => kind).sort())
})

for (const side of ['without', 'with'] as const)
  for (const { kind, ...cells } of rows)
    test(`${kind} ${side} FRONTEND_URL → its link leads where docs/emails.md says`, async t => {
      const world = worlds[side]
      const { userId, recipient, before } = await recipientOf(world, kind)
      const data = { item: 'Bakery', amount: '100 GTQ', reference: 'r', email: 'a@b.example' }
      await world.queueEmail({ kind, recipient, userId, locale: 'en', data })
      const { mail } = await world.mails.to(recipient, before + 1)
      const found = (mail.text ?? '').match(/https?:\/\/\S+/g) ?? []
      const [first = '', also] = cells[side].split('; also ')
      const [link, then] = first.split(', then ')
      if (link === 'no link') return t.deepEqual(found, [])
      const [address = ''] = found
      const expected = addressIn(world, link)
      t.is(found.length, also ? 2 : 1)
      if (also) t.true(found[1]?.startsWith(`${addressIn(world, also)}lkp_`))
      if (expected.endsWith('=')) t.true(address.startsWith(`${expected}lkp_`), address)
      else t.is(address.replace(/\?lang=en$/, ''), expected)
      if (then === undefined) return
      const pressed = await world.client.send(
        'POST',
        `${address.split('?')[0]?.slice('http://latchkey.test'.length)}/confirm`,
        {
          body: new URLSearchParams({ token: tokenOf(address) }).toString(),
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        },
      )
      t.is(pressed.headers.get('location'), addressIn(world, then))
    })
