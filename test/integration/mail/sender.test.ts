import anyTest from 'ava'
import { deliver } from '../../../src/mail/deliver.ts'
import { openTransport } from '../../../src/mail/transport.ts'
import { configOf } from '../../configuration.ts'
import { openLocalWorld } from '../../local-world.ts'
import { anAccount, anEmail } from '../../make.ts'
import { runCommand } from '../cli/run-command.ts'

// The sender of emails, as a mail server and a recipient see it.

const test = anyTest.serial

const world = await openLocalWorld()
anyTest.after.always(() => world[Symbol.asyncDispose]())

/** Sends the email of a new account from a service that is configured like this. */
const sentBy = async (env: Record<string, string>) => {
  const { email } = await anAccount(world.client)
  const [row] = await world.sql<{ id: string }>('SELECT id FROM emails WHERE recipient = $1', [email])
  using transport = openTransport(world.mails.url)
  const config = configOf({ ...world.env, ...env })
  await deliver({ ...world.deps, config, transport }, row?.id ?? '')
  return world.mails.to(email)
}

const names: Record<string, string> = {
  'Acme (Support) <no-reply@mail.example>': 'Acme (Support)',
  'Acme; Team <no-reply@mail.example>': 'Acme; Team',
  '"Acme, Inc." <no-reply@mail.example>': 'Acme, Inc.',
  '"The \\"best\\" shop: \\\\o/" <no-reply@mail.example>': 'The "best" shop: \\o/',
  'Möbel & Söhne 🪑 <no-reply@mail.example>': 'Möbel & Söhne 🪑',
  '"security@bank.example" <no-reply@mail.example>': 'security@bank.example',
}
for (const [text, name] of Object.entries(names))
  test(`MAIL_FROM=${text} → recipients see exactly that name`, async t => {
    const { mail, raw } = await sentBy({ MAIL_FROM: text })
    t.deepEqual(mail.from, { name, address: 'no-reply@mail.example' })
    t.is(raw.match(/^(From|Sender|Reply-To):/gim)?.length, 1)
    t.regex(mail.messageId ?? '', /^<[0-9a-f-]{36}@mail\.example>$/)
  })

test('emails test → the name and the address of MAIL_FROM', async t => {
  const email = anEmail()
  const env = { ...world.env, MAIL_FROM: '"Acme, Inc." <no-reply@bücher.example>' }
  const { code } = await runCommand(env, ['emails', 'test', email, '--json'])
  t.is(code, 0)
  const { mail } = await world.mails.to(email)
  t.deepEqual(mail.from, { name: 'Acme, Inc.', address: 'no-reply@xn--bcher-kva.example' })
})
