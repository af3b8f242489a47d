import anyTest from 'ava'
import { startWorker } from '../../../src/processes/worker/start-worker.ts'
import { configOf } from '../../configuration.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { runCommand } from '../cli/run-command.ts'

// The sender of emails as mail servers and recipients see it.

const test = anyTest.serial

const world = await openLocalWorld()
anyTest.after.always(() => world[Symbol.asyncDispose]())

/** The email of a new account, sent by a worker with this configuration. */
const sentBy = async (env: Record<string, string>) => {
  const worker = startWorker({ ...world.deps, config: configOf({ ...world.env, ...env }) })
  const { email } = await anAccount(world.client)
  return world.mails.to(email).finally(worker.close)
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

test('emails test → the sender has the name and the address of MAIL_FROM', async t => {
  const email = anEmail()
  const env = { ...world.env, MAIL_FROM: '"Acme, Inc." <no-reply@bücher.example>' }
  const { code } = await runCommand(env, ['emails', 'test', email, '--json'])
  t.is(code, 0)
  const { mail } = await world.mails.to(email)
  t.deepEqual(mail.from, { name: 'Acme, Inc.', address: 'no-reply@xn--bcher-kva.example' })
})

const fromLocalhost = { MAIL_FROM: 'Acme <no-reply@localhost>' }
const ehloNames: [what: string, env: Record<string, string>, ehlo: string][] = [
  ['SMTP_EHLO_NAME is set', { SMTP_EHLO_NAME: 'out.mail.example' }, 'out.mail.example'],
  ['SMTP_EHLO_NAME is an address', { SMTP_EHLO_NAME: '[192.0.2.7]' }, '[192.0.2.7]'],
  [
    'MAIL_FROM has a fully qualified domain',
    { MAIL_FROM: 'a@bücher.example', PUBLIC_URL: 'https://id.example.com' },
    'xn--bcher-kva.example',
  ],
  [
    'MAIL_FROM has no qualified domain',
    { ...fromLocalhost, PUBLIC_URL: 'https://id.bücher.example/accounts' },
    'id.xn--bcher-kva.example',
  ],
  [
    'MAIL_FROM has an address literal',
    { MAIL_FROM: 'a@[192.0.2.9]', PUBLIC_URL: 'https://id.example.com' },
    'id.example.com',
  ],
  ['PUBLIC_URL is an address', { ...fromLocalhost, PUBLIC_URL: 'http://192.0.2.1:8000' }, '[192.0.2.1]'],
  [
    'PUBLIC_URL is an IPv6 address',
    { ...fromLocalhost, PUBLIC_URL: 'http://[2001:db8::1]' },
    '[IPv6:2001:db8::1]',
  ],
]
for (const [what, env, ehlo] of ehloNames)
  test(`${what} → EHLO ${ehlo}`, async t => {
    t.is((await sentBy(env)).ehlo.toLowerCase(), ehlo.toLowerCase())
  })

test('emails test → uses the same EHLO name as the worker', async t => {
  const email = anEmail()
  await runCommand({ ...world.env, MAIL_FROM: 'a@mail.example' }, ['emails', 'test', email])
  t.is((await world.mails.to(email)).ehlo, 'mail.example')
})

for (const name of [
  'two words',
  'http://mail.example',
  'mail_1.example',
  '[mail.example]',
  'a\r\nRSET',
  '192.0.2.1',
])
  test(`SMTP_EHLO_NAME=${JSON.stringify(name)} → the process refuses to start`, t => {
    t.throws(() => configOf({ ...world.env, SMTP_EHLO_NAME: name }), { message: /^SMTP_EHLO_NAME must be / })
  })
